# SPDX-License-Identifier: Apache-2.0
"""A unit that was just flashed: plugged in, found, claimed over TLS, asked, switched off."""

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.image.guest import Guest, powered_on
from tests.image.machine import Machine
from tests.image.panel import Answer, Panel, claim_code_on
from tests.image.shell import CREDENTIALS, Shell
from tests.image.wire import office_pc

LOGIN, PASSWORD = "marie", "quatre mots à la suite"
# What the first screen shows, from its characters: vcs(4).
SCREEN = "iconv -f UTF-32LE -t UTF-8 /dev/vcsu1"
# Python says so of each module that it has to compile.
_COMPILED = (
    "/opt/atre/.venv/bin/python -v -c 'import atre_web' 2>&1"
    " | grep '^# code object from .*[.]py$' || true"
)
_ATRE = Path(sys.executable).with_name("atre")
_READY = re.compile(r"READY Âtre (\S+) after ([\d.]+) s, data: (.+?)\r?\n")


@dataclass(frozen=True)
class Ready:
    """What the line READY says; times in seconds, by the test's clock and the guest's."""

    version: str
    data: str
    after_s: float
    by_its_clock_s: float


@dataclass(frozen=True, kw_only=True)
class FirstStart:
    """What was seen; ``disk`` is as the box left it when it was switched off."""

    disk: Path
    ready: Ready
    found: list[dict[str, Any]]
    screen: str
    compiled: str
    claimed: Answer
    answered: Answer
    identity: dict[str, str]
    off_s: float
    status: int


def wait_until_ready(guest: Guest, *, limit_s: float, after: int = 0) -> Ready:
    """Raises AssertionError if the line does not come."""
    after_s = guest.wait_for("READY Âtre", limit_s=limit_s, after=after)
    guest.wait_for("data: ", limit_s=limit_s, after=after)
    said = _READY.search(guest.console(), after)
    assert said, guest.console()[-500:]
    return Ready(said[1], said[3], round(after_s, 1), float(said[2]))


def first_start(disk: Path, work: Path, *, limit_s: float) -> FirstStart:
    """Start the flashed ``disk`` for the first time, use it, and switch it off."""
    lan = work / "lan.sock"
    box = Machine(disk=disk, work=work, credentials=CREDENTIALS, lan=lan)
    with office_pc(lan) as on_pc, powered_on(box) as guest:
        ready = wait_until_ready(guest, limit_s=limit_s)
        with Shell(box.shell) as shell:
            shell.wait_until_up(limit_s)
            screen = shell.must(SCREEN)
            compiled = shell.must(_COMPILED)
            found = subprocess.run(
                [*on_pc, _ATRE, "discover", "--json", "--timeout", "60"],
                stdout=subprocess.PIPE, check=True,
            )  # fmt: skip
            panel = Panel(box)
            claimed = panel.post(
                "/claim",
                {
                    "code": claim_code_on(screen),
                    "name": "Marie Roy",
                    "login": LOGIN,
                    "password": PASSWORD,
                },
            )
            answered = ask(panel)
            identity = identity_of(shell)
            off_s = guest.press_power_button(limit_s=limit_s)
        return FirstStart(
            disk=disk,
            ready=ready,
            found=json.loads(found.stdout),
            screen=screen,
            compiled=compiled,
            claimed=claimed,
            answered=answered,
            identity=identity,
            off_s=round(off_s, 1),
            status=guest.process.returncode,
        )


def identity_of(shell: Shell) -> dict[str, str]:
    """What only this unit may have, by name: keys and certificates as digests."""
    facts = {
        "machine": "cat /etc/machine-id",
        "box": "cat /var/lib/atre/state/box-id",
        "random seed": "sha256sum </var/lib/systemd/random-seed",
        **{
            f"secret {name}": f"sha256sum </var/lib/atre/{name}"
            for name in shell.must(
                "cd /var/lib/atre && find tls secrets -type f 2>/dev/null; true"
            ).split()
        },
        "data partition": "blkid -o value -s UUID $(findmnt -no SOURCE /var)",
    }
    return {name: shell.must(command) for name, command in facts.items()}


def ask(panel: Panel) -> Answer:
    """One short answer of the model, over the API as programs use it."""
    question = {"messages": [{"role": "user", "content": "Bonjour !"}], "max_tokens": 4}
    return panel.post_json("/v1/chat/completions", question)
