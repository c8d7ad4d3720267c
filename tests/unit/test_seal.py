# SPDX-License-Identifier: Apache-2.0
import fcntl
import json
import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from atre.burn_in.findings import Findings
from atre.burn_in.report import Report, write_signed
from atre.burn_in.results import (
    DiskResult,
    MemoryResult,
    PowerResult,
    ThermalResult,
)
from atre.burn_in.unit import unit, unit_key
from atre.choices.owner_mark import waits_for_owner
from atre.choices.unit_file import UnitFile, adopted, in_toml, read_unit_file
from atre.cli import main
from atre.config import Config
from atre.discovery.host_name import load_box_id, load_host_label
from atre.errors import ConfigError
from atre.models.import_files import candidates, import_model
from atre.plan.planning import factory_model_path, model_store
from atre.sealing.rules import UnitState, Wishes, refusals
from atre.sealing.traces import remove, traces
from atre.sentence import Sentence
from atre_web.accounts import claim, claim_code, passwords
from atre_web.accounts.claim import Form, Taken
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door

_CODE = "7F3AK2M9PQ4T"
_PASSWORD = "quatre mots à la suite"


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


@pytest.fixture
def given() -> UnitFile:
    return UnitFile(serial="AT-0001", name="atre-7f3a", claim=passwords.hashed(_CODE))


def make_report(data_dir: Path, serial: str = "AT-0001", *, has_passed: bool = True) -> Report:
    return Report(
        unit=unit(data_dir, serial), version="1", started_at="now", minutes=1.0,
        has_passed=has_passed, remarks=(),
        findings=Findings(
            memory=MemoryResult(tested_bytes=1, total_bytes=1, patterns=2, wrong_words=0),
            disk=DiskResult(
                file_bytes=1, rounds=1, wrong_pieces=0, write_bytes_s=None, read_bytes_s=None
            ),
            soak=None,
            thermals=ThermalResult(peaks=(), throttled=None),
            power=PowerResult(sources="", mean_w=None, max_w=None, covered_s=0.0),
        ),
    )  # fmt: skip


def config(data_dir: Path) -> Config:
    return Config(data_dir=data_dir, runtime_dir=data_dir / "run", profiles_dir=data_dir)


@pytest.fixture
def bench(tmp_path: Path, given: UnitFile) -> tuple[Path, Path]:
    """A unit that ran on the bench and passed, and the file that the kit wrote for it."""
    data_dir, unit_file = tmp_path / "box", tmp_path / "AT-0001.toml"
    open_door(config(data_dir), run_key=True)
    write_signed(make_report(data_dir), unit_key(data_dir), data_dir / "factory" / "burn-in.json")
    for name in (
        "logs/atred.log",
        "tls/ca.key",
        "secrets/plug",
        "state/box-id",
        "state/race.json",
        "state/provision.json",
    ):
        (data_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (data_dir / name).write_text("x")
    unit_file.write_text(in_toml(given))
    return data_dir, unit_file


def seal(data_dir: Path, *arguments: str) -> tuple[int, str]:
    command = ["seal", "--data-dir", str(data_dir), "--lang", "en", *arguments]
    done = CliRunner().invoke(main, command)
    return done.exit_code, done.output


def remaining(data_dir: Path) -> set[str]:
    files = (path for path in data_dir.rglob("*") if path.is_file())
    return {str(path.relative_to(data_dir)) for path in files}


# Rules


def state(**changes: object) -> UnitState:
    good = UnitState(
        is_running=False, is_claimed=False, given=None, key="k", report=None,
        report_problem=Sentence("not tested", "pas essayé"), damage=(),
    )  # fmt: skip
    return replace(good, **changes)


def test_each_thing_in_the_way_is_said_and_all_at_once(tmp_path: Path, given: UnitFile) -> None:
    report = make_report(tmp_path)
    key = report.unit.key
    good = state(given=given, report=report, key=key)
    assert refusals(good, Wishes()) == ()
    for changed, words in (
        (replace(good, is_running=True), "The box runs."),
        (replace(good, is_claimed=True), "The unit is somebody's"),
        (replace(good, given=None), "no claim code for its label"),
        (replace(good, report=None), "not tested"),
        (replace(good, key="another"), "report is another unit's"),
        (replace(good, report=replace(report, has_passed=False)), "failed its burn-in"),
        (replace(good, given=replace(given, serial="AT-0002")), "burn-in was that of AT-0001"),
        (
            replace(good, damage=(Sentence("x.gguf is missing.", "x.gguf manque."),)),
            "x.gguf is missing.",
        ),
    ):
        (refusal,) = refusals(changed, Wishes())
        assert words in refusal.text
        assert refusal.text != refusal.text_fr
    assert len(refusals(state(is_running=True, is_claimed=True), Wishes())) == 4


def test_what_the_reseller_does_without_is_not_asked_for() -> None:
    assert refusals(state(), Wishes(without_label=True, without_burn_in=True)) == ()
    assert len(refusals(state(), Wishes(without_label=True))) == 1
    assert len(refusals(state(), Wishes(without_burn_in=True))) == 1


# The unit file


@pytest.mark.parametrize(
    "change",
    [
        {"serial": "../x"},
        {"serial": 'A"\nclaim = "'},
        {"name": "atre.local"},
        {"name": "Âtre"},
        {"claim": "7F3A-K2M9-PQ4T-6"},
        {"claim": ""},
    ],
)
def test_a_unit_file_holds_what_a_label_can_say_and_no_code(
    given: UnitFile, change: dict[str, str]
) -> None:
    with pytest.raises(ConfigError, match="is wrong"):
        replace(given, **change)


@pytest.mark.parametrize("text", ["", "serial = 1", "not toml", 'serial = "A"\nother = 1'])
def test_what_is_no_unit_file_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "u.toml").write_text(text)
    with pytest.raises(ConfigError, match="is no unit file"):
        read_unit_file(tmp_path / "u.toml")


# The command


def test_sealing_removes_the_bench_and_keeps_the_unit(
    bench: tuple[Path, Path], given: UnitFile
) -> None:
    data_dir, unit_file = bench
    store, (candidate,) = model_store(data_dir), candidates(factory_model_path())
    import_model(store, replace(candidate, name="office"), reserve_bytes=0)
    store.partial_dir.mkdir(exist_ok=True)
    (store.partial_dir / "half.gguf").write_text("x")
    status, told = seal(data_dir, "--unit", str(unit_file))
    assert status == 0, told
    assert "Models, verified: office" in told
    assert "Removed: logs" in told
    kept = remaining(data_dir)
    assert {
        "lock", "state/race.json", "state/provision.json", "factory/serial", "factory/host-name",
        "factory/claim-code", "factory/unit.key", "factory/burn-in.json",
    } <= kept  # fmt: skip
    assert all(name.startswith(("lock", "state/", "factory/", "models/")) for name in kept)
    assert not kept & {"state/box-id", "models/partial/half.gguf", "state/waits-for-owner"}
    assert adopted(data_dir) == given
    again, told = seal(data_dir)
    assert (again, "Removed: —" in told) == (0, True)
    assert load_host_label(data_dir / "state", load_box_id(data_dir / "state")) == "atre-7f3a"


def test_the_code_on_the_label_claims_a_sealed_unit_and_no_other_does(
    bench: tuple[Path, Path],
) -> None:
    data_dir, unit_file = bench
    assert seal(data_dir, "--unit", str(unit_file))[0] == 0
    now = time.monotonic()
    for _start in range(2):
        door = open_door(config(data_dir), run_key=False)
        assert (door.claim_code, door.claim_path) == (None, "/claim")
    form = Form(
        code=claim_code.printed(_CODE), name="Marie", login="marie", password=_PASSWORD, office=""
    )
    with closing(connect(data_dir / "atre.db")) as connection:
        taken = claim.take(connection, form, is_on_link=True, now=1e9, uptime=now + 1)
        assert isinstance(taken, Taken)
    open_door(config(data_dir), run_key=False)
    with closing(connect(data_dir / "atre.db")) as connection:
        assert claim.state(connection).is_claimed
        assert not claim.state(connection).has_code
    assert not waits_for_owner(data_dir / "state")


def test_a_code_made_on_the_unit_itself_counts_before_the_reseller_s(
    bench: tuple[Path, Path],
) -> None:
    data_dir, unit_file = bench
    seal(data_dir, "--unit", str(unit_file))
    open_door(config(data_dir), run_key=False)
    with closing(connect(data_dir / "atre.db")) as connection:
        made = claim.new_code(connection, "label", uptime=time.monotonic())
        stored = connection.execute("SELECT code FROM claim").fetchone()["code"]
        open_door(config(data_dir), run_key=False)
        assert connection.execute("SELECT code FROM claim").fetchone()["code"] == stored
        assert passwords.is_right(claim_code.read(made), stored)


def test_a_unit_that_may_not_be_sealed_is_left_as_it_is(bench: tuple[Path, Path]) -> None:
    data_dir, unit_file = bench
    before = remaining(data_dir)
    status, told = seal(data_dir)
    assert (status, "✗ The unit has no claim code" in told) == (1, True)
    (data_dir / "state" / "waits-for-owner").unlink()
    status, told = seal(data_dir, "--unit", str(unit_file), "--json")
    assert status == 1
    shown = json.loads(told)
    assert shown["is_sealed"] is False
    assert "somebody's" in shown["refusals"][0]["text"]
    with (data_dir / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "The box runs." in seal(data_dir, "--unit", str(unit_file))[1]
    assert remaining(data_dir) >= before - {"state/waits-for-owner"}


def test_a_damaged_model_is_not_delivered(bench: tuple[Path, Path]) -> None:
    data_dir, unit_file = bench
    store, (candidate,) = model_store(data_dir), candidates(factory_model_path())
    import_model(store, replace(candidate, name="office"), reserve_bytes=0)
    (blob,) = store.blobs(store.manifest("office"))
    blob.chmod(0o600)
    with blob.open("r+b") as file:
        file.write(b"??")
    status, told = seal(data_dir, "--unit", str(unit_file))
    assert status == 1
    assert "A model is damaged" in told


def test_sealing_goes_on_wherever_the_power_was_cut(
    bench: tuple[Path, Path], tmp_path: Path
) -> None:
    data_dir, unit_file = bench
    left = traces(data_dir, data_dir / "models" / "partial")
    assert [path.name for path in left][-2:] == ["atre.db", "waits-for-owner"]
    for count in range(len(left) + 1):
        copy = tmp_path / f"cut-{count}"
        shutil.copytree(data_dir, copy)
        cut = traces(copy, copy / "models" / "partial")[:count]
        assert len(list(remove(cut))) == count
        status, told = seal(copy, "--unit", str(unit_file))
        assert status == 0, (count, told)
        assert not (copy / "atre.db").exists()
