# SPDX-License-Identifier: Apache-2.0
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from atre.burn_in import session
from atre.burn_in.findings import Findings
from atre.burn_in.report import Report, read_signed, write_signed
from atre.burn_in.results import (
    DiskResult,
    MemoryResult,
    Peak,
    PowerResult,
    Smart,
    SoakResult,
    ThermalResult,
)
from atre.burn_in.unit import Unit, fingerprint, serial_number, unit, unit_key
from atre.burn_in.verdict import has_passed, judge
from atre.cli import main
from atre.errors import BurnInError
from atre.hardware.tree import Tree

_GOOD = Findings(
    memory=MemoryResult(tested_bytes=12, total_bytes=16, patterns=6, wrong_words=0),
    disk=DiskResult(
        file_bytes=2**32, rounds=8, wrong_pieces=0, write_bytes_s=900e6, read_bytes_s=2e9,
        smart=Smart(model="D", is_passed=True, wear_percent=0, media_errors=0),
    ),
    soak=SoakResult(
        model="factory.gguf", answers=100, tokens=6400, seconds=100.0, first_tokens_s=64.0,
        last_tokens_s=63.0, slowest_tokens_s=60.0,
    ),
    thermals=ThermalResult(
        peaks=(Peak(sensor="k10temp/Tctl", max_c=80.0, limit_c=95.0),), throttled=0
    ),
    power=PowerResult(sources="plug", mean_w=30.0, max_w=44.0, covered_s=1000.0),
)  # fmt: skip


def changed(part: str, **fields: Any) -> Findings:
    return replace(_GOOD, **{part: replace(getattr(_GOOD, part), **fields)})


def smart(**fields: Any) -> Findings:
    return changed("disk", smart=replace(_GOOD.disk.smart or Smart(), **fields))


def hot(max_c: float) -> Findings:
    return changed("thermals", peaks=(Peak(sensor="s", max_c=max_c, limit_c=95.0),))


def test_a_good_unit_passes_without_a_word() -> None:
    assert judge(_GOOD) == ()
    assert has_passed(())


# Each rule at its boundary: what was found, and the remarks it brings.
_CASES = [
    (changed("memory", wrong_words=1, first_wrong="x"), ["fault memory_wrong"]),
    (changed("memory", tested_bytes=8), []),
    (changed("memory", tested_bytes=7), ["doubt memory_part"]),
    (changed("disk", problem="No space left on device"), ["fault disk_failed"]),
    (changed("disk", wrong_pieces=1), ["fault disk_wrong"]),
    (changed("disk", write_bytes_s=50e6), []),
    (changed("disk", write_bytes_s=49e6), ["doubt disk_slow"]),
    (changed("disk", smart=None), ["note smart_unknown"]),
    (smart(is_passed=False), ["fault smart_failing"]),
    (smart(media_errors=1), ["fault smart_failing"]),
    (smart(wear_percent=9), []),
    (smart(wear_percent=10), ["doubt smart_worn"]),
    (smart(wear_percent=80), ["fault smart_failing"]),
    (smart(is_passed=None, wear_percent=None, media_errors=None), []),
    (replace(_GOOD, soak=None, no_soak="no model"), ["fault engine_failed"]),
    (changed("soak", problem="killed by signal 11"), ["fault engine_failed"]),
    (changed("soak", first_tokens_s=None, last_tokens_s=None), ["doubt engine_short"]),
    (changed("soak", first_tokens_s=100.0, last_tokens_s=90.5), []),
    (changed("soak", first_tokens_s=100.0, last_tokens_s=89.0), ["doubt engine_slower"]),
    (changed("soak", first_tokens_s=100.0, last_tokens_s=74.0), ["fault engine_slower"]),
    (changed("soak", last_tokens_s=1.0, is_disturbed=True), ["doubt engine_disturbed"]),
    (hot(90.0), []),
    (hot(91.0), ["doubt heat_near"]),
    (hot(95.0), ["fault heat_limit"]),
    (changed("thermals", peaks=()), ["note heat_unknown"]),
    (changed("thermals", throttled=1), ["doubt heat_throttled"]),
    (changed("thermals", throttled=None), []),
    (changed("power", mean_w=None), ["note power_unknown"]),
]


@pytest.mark.parametrize(("found", "expected"), _CASES, ids=range(len(_CASES)))
def test_each_rule(found: Findings, expected: list[str]) -> None:
    remarks = judge(found)
    assert [f"{each.grade} {each.code}" for each in remarks] == expected
    assert has_passed(remarks) is not any(each.startswith("fault") for each in expected)
    for each in remarks:
        assert each.said.text != each.said.text_fr
        assert not re.search(r" [:;?!%]", each.said.text_fr), each.said.text_fr


def test_faults_come_first() -> None:
    found = replace(smart(wear_percent=11), memory=changed("memory", wrong_words=1).memory)
    assert [each.grade for each in judge(found)] == ["fault", "doubt"]


# Report


@pytest.fixture
def report(tmp_path: Path) -> Report:
    return Report(
        unit=unit(tmp_path / "box", "SN-1"),
        version="1", started_at="2026-11-22T09:00:00+00:00", minutes=30.0, has_passed=True,
        remarks=judge(changed("disk", smart=None)), findings=_GOOD,
    )  # fmt: skip


@pytest.fixture
def written(tmp_path: Path, report: Report) -> Path:
    write_signed(report, unit_key(tmp_path / "box"), tmp_path / "report.json")
    return tmp_path / "report.json"


def test_a_report_comes_back_as_it_was_signed(written: Path, report: Report) -> None:
    assert read_signed(written) == report
    text = json.dumps(json.loads(written.read_text()), indent=None)
    written.write_text(text)  # only laid out anew
    assert read_signed(written) == report


def _damage(signed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    report = signed["report"]
    yield signed | {"report": report | {"has_passed": False}}
    yield signed | {"report": report | {"unit": report["unit"] | {"serial": "SN-2"}}}
    yield signed | {"signature": "00" * 64}
    yield signed | {"public_key": "11" * 32}


@pytest.mark.parametrize("number", range(4))
def test_a_report_that_was_changed_is_not_believed(written: Path, number: int) -> None:
    signed = json.loads(written.read_text())
    written.write_text(json.dumps(list(_damage(signed))[number]))
    with pytest.raises(BurnInError, match="changed after it was signed"):
        read_signed(written)


def test_a_report_of_another_unit_s_key_is_not_believed(written: Path, report: Report) -> None:
    write_signed(report, Ed25519PrivateKey.generate(), written)
    with pytest.raises(BurnInError, match="signed by another"):
        read_signed(written)


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"\xff", b'{"report": {}, "public_key": "zz", "signature": ""}']
)
def test_what_is_no_report_is_said_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(BurnInError, match="is no burn-in report"):
        read_signed(tmp_path / "x.json")


def test_a_unit_keeps_its_key_and_another_has_another(tmp_path: Path) -> None:
    mine = unit(tmp_path / "a").key
    assert unit(tmp_path / "a").key == mine != unit(tmp_path / "b").key
    assert mine == fingerprint(unit_key(tmp_path / "a").public_key())
    assert (tmp_path / "a" / "factory" / "unit.key").stat().st_mode & 0o777 == 0o600


def test_the_maker_s_filler_is_no_serial_number(tmp_path: Path) -> None:
    place = tmp_path / "sys/class/dmi/id/product_serial"
    place.parent.mkdir(parents=True)
    place.write_text("To be filled by O.E.M.\n")
    assert serial_number(Tree(tmp_path)) == ""
    place.write_text("PF3A12\n")
    assert serial_number(Tree(tmp_path)) == "PF3A12"


# The command


def doctor(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["doctor", *arguments])
    return done.exit_code, done.output


def test_a_report_is_shown_in_both_languages(written: Path) -> None:
    status, english = doctor("--check-report", str(written), "--lang", "en")
    assert status == 0
    assert english.startswith("The unit has passed.\n  · What the drive says")
    assert "Engine: factory.gguf, 6400 tokens, 64.0 a second at first, 63.0 at last" in english
    status, french = doctor("--check-report", str(written), "--lang", "fr")
    assert french.startswith("Le boîtier a réussi l’essai.")
    assert "64,0 par seconde au début" in french


def test_a_report_that_says_failed_or_is_false_ends_with_an_error(
    tmp_path: Path, written: Path, report: Report
) -> None:
    failed = replace(report, has_passed=False)
    write_signed(failed, unit_key(tmp_path / "box"), tmp_path / "failed.json")
    status, told = doctor("--check-report", str(tmp_path / "failed.json"), "--json")
    assert (status, json.loads(told)["has_passed"]) == (1, False)
    written.write_text(written.read_text().replace("SN-1", "SN-2"))
    assert doctor("--check-report", str(written))[0] == 1


def test_a_short_burn_in_of_this_machine_is_kept_and_signed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_testable_bytes", lambda _memory: 2**16)
    monkeypatch.setattr(session, "_DISK_BYTES", 2**16)
    box, copy = tmp_path / "box", tmp_path / "SN-7.json"
    _, told = doctor(
        "--burn-in", "--minutes", "0.001", "--serial", "SN-7", "--report", str(copy), "--json",
        "--data-dir", str(box),
    )  # fmt: skip
    kept = read_signed(box / "factory" / "burn-in.json")
    assert kept == read_signed(copy)
    assert kept == msgspec.json.decode(told[told.index("{") :], type=Report)
    assert kept.unit == Unit(serial="SN-7", product=kept.unit.product, key=kept.unit.key)
    assert kept.findings.soak is not None
    assert kept.findings.soak.answers >= 1
    assert kept.findings.memory.tested_bytes == 2**16


def test_a_burn_in_that_is_cancelled_says_so_and_keeps_no_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        pytest.fail("SIGTERM was not heard")

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(session, "run", interrupted)
    status, told = doctor("--burn-in", "--data-dir", str(tmp_path), "--lang", "en")
    assert (status, told) == (130, "Cancelled; nothing is kept.\n")
    assert not (tmp_path / "factory" / "burn-in.json").exists()
    assert signal.getsignal(signal.SIGTERM) is before
