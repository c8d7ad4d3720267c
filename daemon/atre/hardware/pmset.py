# SPDX-License-Identifier: Apache-2.0
"""Whether a Mac stays awake and comes back after a power cut, from pmset(1)."""

import re
import sys
from collections.abc import Callable, Mapping

import msgspec

from atre.hardware.ask import ask
from atre.hardware.machine import Issue
from atre.sentence import Sentence

_COMMAND = ("/usr/bin/pmset", "-g")
_TIME_LIMIT_S = 2.0
# Names may hold spaces; what prevents sleep just now may stand behind in parentheses.
_SETTING = re.compile(r"^ (\S.*?)\s+(\d{1,9})(?:\s+\(.*\))?$", re.MULTILINE)
_NBSP = "\N{NO-BREAK SPACE}"

_WANTED = {
    "sleep": (
        0,
        Sentence("This Mac goes to sleep, and nobody is answered then.",
                 "Ce Mac se met en veille, et ne répond alors à personne."),
    ),
    "disksleep": (
        0,
        Sentence("This Mac lets its disks sleep, which holds up answers.",
                 "Ce Mac met ses disques en veille, ce qui retarde les réponses."),
    ),
    "autorestart": (
        1,
        Sentence("This Mac stays off after a power cut.",
                 "Ce Mac reste éteint après une coupure de courant."),
    ),
    "womp": (
        1,
        Sentence("This Mac cannot be woken over the network.",
                 "Ce Mac ne peut pas être réveillé par le réseau."),
    ),
}  # fmt: skip

Run = Callable[[tuple[str, ...], float], bytes | Issue]


class MacIssue(msgspec.Struct, frozen=True):
    """What is wrong with a Mac's settings, and what to do."""

    said: Sentence
    remedy: Sentence

    @property
    def whole(self) -> Sentence:
        return Sentence(
            f"{self.said.text} {self.remedy.text}", f"{self.said.text_fr} {self.remedy.text_fr}"
        )


def mac_power_issues(run: Run = ask, platform: str = sys.platform) -> tuple[MacIssue, ...]:
    """What somebody should change on this Mac; nothing elsewhere, or where pmset says nothing."""
    if platform != "darwin":
        return ()
    told = run(_COMMAND, _TIME_LIMIT_S)
    return () if isinstance(told, Issue) else judged(settings(told.decode("utf-8", "replace")))


def settings(text: str) -> dict[str, int]:
    """The numbers of ``pmset -g``, by name."""
    return {name: int(value) for name, value in _SETTING.findall(text)}


def judged(found: Mapping[str, int]) -> tuple[MacIssue, ...]:
    """An issue for each setting that is not right; a Mac that lacks one says nothing of it."""
    issues = []
    for name, (wanted, said) in _WANTED.items():
        if found.get(name, wanted) != wanted:
            command = f"sudo pmset -a {name} {wanted}"
            remedy = Sentence(f"In the Terminal: {command}", f"Dans le Terminal{_NBSP}: {command}")
            issues.append(MacIssue(said, remedy))
    return tuple(issues)
