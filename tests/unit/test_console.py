# SPDX-License-Identifier: Apache-2.0
import io
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec.structs import replace as replaced

from atre.choices import claim_note
from atre.choices.owner_mark import set_mark
from atre.config import default_runtime_dir
from atre.console.bench_words import words
from atre.console.console import Console, facts
from atre.console.screen import HEIGHT, WIDTH, Facts, draw, url
from atre.disks.data_partition import PROBLEMS
from atre.provision import bench
from atre.provision.bench import Order, Phase, Progress, ProgressNote
from atre.reset import factory, presence
from atre.reset.presence import Uptime
from atre.sentence import Sentence

READY = Facts(
    is_ready=True,
    name="atre-7f3a.local",
    addresses=("192.168.1.50", "fd00::5"),
    waits_for_owner=True,
    code="7F3A-K2M9-PQ4T-6",
    serial="ATRE-2611-0042",
)
OWNED = replace(READY, waits_for_owner=False, code=None)
EARLY = Uptime(100.0, "boot-1")
_DOUBTS = (
    Sentence(
        "The disk writes 31 MB a second; an SSD writes several hundred. Check that it is the one "
        "that was ordered.",
        "Le disque écrit 31 Mo par seconde ; un SSD en écrit plusieurs centaines. Vérifiez que "
        "c’est bien celui qui a été commandé.",
    ),
) * 3
_ORDER = Order(burn_in_minutes=30, seal=True, boot_id="boot-1")
BENCH = {
    name: said
    for name, changes, progress in (
        ("waits", {}, None),
        ("begins", {"phase": Phase.RUNNING}, None),
        ("runs", {"phase": Phase.RUNNING}, Progress("engine", 754.0)),
        ("was cut", {"phase": Phase.RUNNING, "boot_id": "boot-0"}, Progress("engine", 754.0)),
        ("stopped", {"phase": Phase.STOPPED}, None),
        ("cut", {"phase": Phase.CUT}, None),
        ("failed", {"phase": Phase.ENDED, "said": _DOUBTS}, None),
        ("doubts", {"phase": Phase.ENDED, "has_passed": True, "said": _DOUBTS}, None),
        ("tested", {"phase": Phase.ENDED, "has_passed": True, "seal": False}, None),
        ("seals", {"phase": Phase.SEALING}, None),
    )
    if (said := words(replaced(_ORDER, **changes), progress, "boot-1"))
}


def test_the_screen_says_how_far_a_burn_in_is() -> None:
    assert "Test: engine, 13 min left" in BENCH["runs"].text
    assert "moteur, encore 13" in BENCH["runs"].text_fr
    assert BENCH["was cut"] == BENCH["cut"], "another start of the machine does not test"
    assert BENCH["failed"].text.startswith("NOT fit for sale: The disk writes 31 MB")
    assert "NOT sealed: The disk" in BENCH["doubts"].text
    assert BENCH["tested"].text == "The test has passed."
    sold = replaced(_ORDER, phase=Phase.ENDED, has_passed=True, said=_DOUBTS)
    assert words(sold, None, "boot-2") is None, "the office wants to know how to claim it"
    assert len({said.text for said in BENCH.values()}) == len(BENCH) - 1
    assert all(said.text != said.text_fr for said in BENCH.values())
    assert "starting" not in draw(Facts(is_ready=False, bench=BENCH["runs"]))
    worst = draw(replace(READY, bench=BENCH["doubts"], news=_DOUBTS[0]))
    assert worst.rstrip().endswith("N° ATRE-2611-0042"), "nothing is cut off"


def test_the_screen_knows_of_it_from_the_unit_until_it_is_somebody_s(tmp_path: Path) -> None:
    bench.write(tmp_path, replaced(_ORDER, phase=Phase.RUNNING))
    assert facts(tmp_path, EARLY).bench == BENCH["begins"]
    (tmp_path / "run").mkdir()
    ProgressNote(tmp_path / "run").tell(Progress("engine", 754.0))
    assert facts(tmp_path, EARLY).bench == BENCH["runs"]
    (tmp_path / "atre.db").touch()
    assert facts(tmp_path, EARLY).bench is None


def test_a_phone_opens_the_claim_by_address_with_the_code() -> None:
    assert url(READY) == "https://192.168.1.50/claim?code=7F3A-K2M9-PQ4T-6"
    assert url(replace(READY, code=None)) == "https://192.168.1.50/claim"
    assert url(OWNED) == "https://192.168.1.50/"
    assert url(replace(OWNED, addresses=(), port=8443)) == "https://atre-7f3a.local:8443/"
    assert url(replace(OWNED, addresses=(), name=None)) is None


@pytest.mark.parametrize("language", ["", "fr", "fr-CA", "en"])
@pytest.mark.parametrize(
    "shown",
    [
        READY,
        OWNED,
        Facts(is_ready=False, serial="ATRE-2611-0042"),
        replace(READY, addresses=(), name=None),
        replace(READY, name="a" * 40 + ".local", addresses=("192.168.100.150",) * 4),
        replace(READY, news=Sentence("A stick was read. " * 6, "Une clé USB a été lue. " * 6)),
        replace(OWNED, word="7F3AK2M9PQ"),
        *(replace(READY, problem=problem) for problem in PROBLEMS.values()),
        *(replace(READY, bench=said, news=_DOUBTS[0]) for said in BENCH.values()),
        *(Facts(is_ready=False, serial="AT-0001", bench=said) for said in BENCH.values()),
    ],
)
def test_everything_fits_on_the_smallest_screen(shown: Facts, language: str) -> None:
    drawn = draw(replace(shown, language=language))
    lines = drawn.removeprefix("\x1b[H\x1b[2J\x1b[3J").splitlines()
    assert len(lines) <= HEIGHT
    assert max(map(len, lines)) <= WIDTH


def test_it_says_how_to_claim_in_the_languages_of_the_office() -> None:
    both = draw(READY)
    assert "192.168.1.50" in both
    assert "Claim code: 7F3A-K2M9-PQ4T-6" in both
    assert "mise en service" in both
    assert "▀" in both or "█" in both
    assert "Claim" not in draw(replace(READY, language="fr-CA"))
    assert "Code de" not in draw(replace(READY, language="en"))
    assert "sur l'étiquette" in draw(replace(READY, code=None, language="fr"))
    assert "7F3A-K2M9" not in draw(OWNED)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_a_box_without_its_data_says_so_and_asks_nobody_to_claim_it(problem: Sentence) -> None:
    drawn = " ".join(draw(replace(READY, problem=problem)).split())
    assert " ".join(problem.text.replace("’", "'").split()) in drawn
    assert " ".join(problem.text_fr.replace("’", "'").split()) in drawn
    assert str(READY.code) not in drawn
    assert "192.168.1.50" in drawn
    assert "█" not in drawn


class _Look:
    """What is known, as the test sets it."""

    def __init__(self, now: Facts) -> None:
        self.now = now

    def __call__(self, _data_dir: Path, _now: Uptime) -> Facts:
        return self.now


def test_it_draws_again_only_when_something_changed(tmp_path: Path) -> None:
    screen, look = io.StringIO(), _Look(READY)
    console = Console(tmp_path, screen, look, lambda: EARLY)
    console.refresh()
    first = len(screen.getvalue())
    console.refresh()
    assert len(screen.getvalue()) == first
    look.now = OWNED
    console.refresh()
    assert screen.getvalue().count("\x1b[2J") == 2


def test_the_serial_number_makes_a_word_that_counts_once(tmp_path: Path) -> None:
    factory.keep_serial(tmp_path, "ATRE-2611-0042")
    screen = io.StringIO()
    console = Console(tmp_path, screen, _Look(OWNED), lambda: EARLY)
    console.type("reboot\n")
    console.refresh()
    assert presence.state(tmp_path / "state", EARLY, 0.0) is None
    console.type("atre-2611-0042\n")
    console.refresh()
    word = console._word
    assert word
    assert word in screen.getvalue()
    presence.use(tmp_path / "state", word, EARLY)
    screen.truncate(0)
    console.refresh()
    assert word not in screen.getvalue(), "it is used up"


def test_later_than_ten_minutes_the_screen_says_why_there_is_no_word(tmp_path: Path) -> None:
    factory.keep_serial(tmp_path, "ATRE-2611-0042")
    screen = io.StringIO()
    console = Console(tmp_path, screen, _Look(OWNED), lambda: Uptime(700.0, "boot-1"))
    console.type("ATRE-2611-0042\n")
    console.refresh()
    assert console._word is None
    assert "first ten minutes" in screen.getvalue().replace("\r\n", " ")


def test_a_box_that_does_not_answer_is_starting(tmp_path: Path) -> None:
    set_mark(tmp_path / "state", waits=True)
    claim_note.leave(default_runtime_dir(tmp_path), "7F3A-K2M9-PQ4T-6")
    found = facts(tmp_path, EARLY)
    assert not found.is_ready
    assert found.code is None
    claim_note.leave(default_runtime_dir(tmp_path), None)
    assert claim_note.read(default_runtime_dir(tmp_path)) is None


def test_it_runs_on_a_terminal_until_that_is_gone(tmp_path: Path) -> None:
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "atre.console", "--data-dir", str(tmp_path)],
        stdin=terminal, stdout=terminal, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    shown = b""
    while "Le boîtier démarre".encode() not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, b"\x04")  # end of input, as where the cable is pulled
    assert process.wait(30) == 0
    os.close(ours)


@pytest.mark.parametrize(
    "facts",
    [
        READY,
        replace(READY, is_ready=False),
        replace(READY, code=None),
        replace(READY, waits_for_owner=False),
        replace(READY, word="olive"),
        replace(READY, addresses=(), name=None),
        *(replace(READY, problem=problem) for problem in PROBLEMS.values()),
    ],
)
def test_the_kernel_s_font_has_every_letter(facts: Facts) -> None:
    # The name of the box stays as it is: the kernel draws its first letter as an A.
    draw(facts).replace("Âtre", "Atre").encode("cp437")
