# SPDX-License-Identifier: Apache-2.0
"""From the kit's stick to a unit that seals itself, and back to the kit."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.bench.flashed import DOUBT, ORDERED, FakeTest, start

from atre.config import Config
from atre.provision.apply import apply_files
from atre.stick import outgoing, write

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "image-build" / "reseller"))

from reseller_kit.commands import kit

REPORT, SEALED = "AT-0001-burn-in.json", "AT-0001-sealed.json"


class Bench:
    """A reseller's bench: the kit's folder, units, and a stick for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "all.toml").write_text(f"format = 1\n{ORDERED}")

    def kit(self, *arguments: str, lang: str = "en") -> tuple[int, str]:
        units = ["--units", str(self.folder / "units"), "--lang", lang]
        done = CliRunner().invoke(kit, [*arguments, *units])
        return done.exit_code, done.output

    def run(self, serial: str, test: FakeTest) -> Path:
        """Prepare a unit, start it with its stick, and give the stick back."""
        self.kit("prepare", "--provision", str(self.folder / "all.toml"), serial)
        stick, place, data_dir = (self.folder / f"{name}-{serial}" for name in ("s", "run", "box"))
        stick.mkdir()
        place.mkdir()
        shutil.copy(self.folder / "units" / serial / "atre-provision.toml", stick)
        apply_files(data_dir, (stick / "atre-provision.toml").read_bytes(), None)
        config = Config(data_dir=data_dir, runtime_dir=data_dir / "run", profiles_dir=data_dir)
        start(config, place, test)
        outgoing.lay_out(data_dir, place)
        assert write.put(stick, write.collect(place))
        return stick


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_a_sealed_unit_brings_is_believed_and_kept(bench: Bench) -> None:
    stick = bench.run("AT-0001", FakeTest())
    status, told = bench.kit("collect", str(stick))
    assert status == 0, told
    assert told.startswith("✓ AT-0001: passed, sealed, key ")
    kept = bench.folder / "units" / "AT-0001"
    assert (kept / "burn-in.json").read_bytes() == (stick / REPORT).read_bytes()
    assert (kept / "sealed.json").exists()
    assert len((kept / "key.txt").read_text().strip()) == 64
    _, told = bench.kit("collect", str(stick), lang="fr")
    assert "essai réussi, scellé, clé" in told


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (FakeTest(DOUBT), "passed, NOT sealed"),
        (FakeTest(DOUBT, has_passed=False), "FAILED, NOT sealed"),
    ],
)
def test_a_unit_that_is_not_to_be_packed_is_no_success(
    bench: Bench, test: FakeTest, words: str
) -> None:
    status, told = bench.kit("collect", str(bench.run("AT-0001", test)))
    assert (status, f"✗ AT-0001: {words}" in told) == (1, True)


def test_what_was_changed_or_mixed_up_is_not_believed(bench: Bench) -> None:
    first, second = (bench.run(serial, FakeTest()) for serial in ("AT-0001", "AT-0002"))
    whole = (first / SEALED).read_text()
    (first / SEALED).write_text(whole.replace("atre-", "atrx-"))
    assert "was changed after it was signed" in bench.kit("collect", str(first))[1]
    shutil.copy(second / "AT-0002-sealed.json", first / SEALED)
    assert "speaks of AT-0002" in bench.kit("collect", str(first))[1]
    (first / SEALED).write_text(whole)
    # Laid out anew the signature holds, but it is not the file that the certificate speaks of.
    (first / REPORT).write_text(json.dumps(json.loads((first / REPORT).read_text())))
    assert "of another report than lies beside it" in bench.kit("collect", str(first))[1]
    assert not (bench.folder / "units" / "AT-0001" / "sealed.json").exists()
    (first / SEALED).unlink()
    shutil.copy(second / "AT-0002-burn-in.json", first / REPORT)
    assert "speaks of AT-0002" in bench.kit("collect", str(first))[1]


def test_two_units_that_share_a_key_are_found_out(bench: Bench) -> None:
    first = bench.run("AT-0001", FakeTest())
    key = bench.folder / "box-AT-0002" / "factory" / "unit.key"
    key.parent.mkdir(parents=True)
    shutil.copy(bench.folder / "box-AT-0001" / "factory" / "unit.key", key)
    second = bench.run("AT-0002", FakeTest())
    assert bench.kit("collect", str(first))[0] == 0
    status, told = bench.kit("collect", str(second))
    assert status == 1
    assert "AT-0002 and AT-0001 sign with the same key" in told
    assert not (bench.folder / "units" / "AT-0002" / "key.txt").exists()


def test_a_stick_without_a_report_or_of_strangers_is_said(bench: Bench) -> None:
    (bench.folder / "empty").mkdir()
    assert "no report of a unit" in bench.kit("collect", str(bench.folder / "empty"))[1]
    stick = bench.run("AT-0001", FakeTest())
    shutil.rmtree(bench.folder / "units")
    assert "AT-0001 is not prepared" in bench.kit("collect", str(stick))[1]
