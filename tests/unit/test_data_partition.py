# SPDX-License-Identifier: Apache-2.0
"""What the box tells of its encrypted data, from what the initrd left."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from atre.cli.backup.page import page
from atre.disks.data_partition import data_problem, disk_key
from atre.ipc.backup_replies import RecoverySheet

INITRD = Path(__file__).parents[2] / "image-build" / "initrd" / "90atre" / "atre-data"
UNIT = Path(__file__).parents[2] / "systemd/appliance/usr/lib/systemd/system/atre.service"


def test_each_word_of_the_initrd_has_a_sentence(tmp_path: Path) -> None:
    words = set(re.findall(r"\bfail (\w+) ", INITRD.read_text()))
    assert words == {"locked", "missing", "damaged"}
    said = set()
    for word in words:
        (tmp_path / word).write_text(f"{word}\n")
        problem = data_problem(tmp_path / word)
        assert problem
        said.add(problem.text)
    assert len(said) == len(words)


def test_a_box_with_its_data_has_no_problem(tmp_path: Path) -> None:
    assert data_problem(tmp_path / "data-problem") is None


@pytest.mark.parametrize("left", [b"", b"\xff\x00", b"burnt"])
def test_a_problem_without_a_known_word_is_one(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "problem").write_bytes(left)
    assert data_problem(tmp_path / "problem")


def test_the_key_of_the_disk_comes_as_a_credential(tmp_path: Path) -> None:
    assert disk_key({}) == ""
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert disk_key(given) == ""
    # The initrd puts it where systemd looks for what the unit asks for.
    (name,) = re.findall(r"/run/credstore/(\S+)$", INITRD.read_text(), flags=re.MULTILINE)
    assert f"LoadCredential={name}" in UNIT.read_text().splitlines()
    (tmp_path / name).write_text("dbfiugbr-cvtjjeld\n")
    assert disk_key(given) == "dbfiugbr-cvtjjeld"
    (tmp_path / name).write_bytes(b"\xff")
    assert disk_key(given) == ""


@pytest.mark.parametrize("language", ["fr", "en"])
def test_the_printed_sheet_has_the_key_of_an_encrypted_disk_and_of_no_other(language: str) -> None:
    sheet = RecoverySheet(
        unit="0a1b2c3d", key="7F3AK", payload="ATRE", made_at=0.0, is_confirmed=False
    )
    title = {"fr": "Clé du disque", "en": "Key of the disk"}[language]
    for key in ("dbfiugbr-cvtjjeld", ""):
        printed = page(replace(sheet, disk_key=key), french=language == "fr")
        assert (title in printed, "dbfiugbr" in printed) == (bool(key), bool(key))
