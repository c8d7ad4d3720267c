# SPDX-License-Identifier: Apache-2.0
"""The reseller's kit on files that stand for disks."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

_KIT = Path(__file__).resolve().parents[2] / "image-build" / "reseller"
sys.path.insert(0, str(_KIT))

from atre.choices.unit_file import adopted, read_unit_file  # noqa: E402
from atre.errors import ConfigError  # noqa: E402
from atre.media.mounts import Mount  # noqa: E402
from atre.provision.apply import apply_files  # noqa: E402
from atre.provision.file import read as read_provision  # noqa: E402
from atre_web.accounts import claim_code, passwords  # noqa: E402
from reseller_kit.commands import kit  # noqa: E402
from reseller_kit.flash import flash  # noqa: E402
from reseller_kit.label import Links, Ports, labels  # noqa: E402
from reseller_kit.records import LabelFacts, Records  # noqa: E402
from reseller_kit.sizes import SHEETS, SIZES  # noqa: E402
from reseller_kit.source import PIECE_BYTES, content_bytes  # noqa: E402
from reseller_kit.target import check_target  # noqa: E402

_IMAGE = b"partition table" + os.urandom(PIECE_BYTES) + b"end"
_FACTS = LabelFacts(serial="AT-0001", name="atre-7f3a", code="7F3A-K2M9-PQ4T-6")
_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="zstd is not installed")


@pytest.fixture(autouse=True)
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


def disk(folder: Path, name: str, num_bytes: int = 3 * PIECE_BYTES) -> Path:
    """A file that was something else before."""
    path = folder / name
    path.write_bytes(b"\xaa" * num_bytes)
    return path


def cut(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), PIECE_BYTES):
        yield content[start : start + PIECE_BYTES]


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(kit, [*arguments, "--units", str(folder / "units"), "--lang", "en"])
    return done.exit_code, done.output


# Identities


def test_a_prepared_unit_has_a_code_of_which_it_gets_only_the_hash(tmp_path: Path) -> None:
    records = Records(tmp_path)
    facts = records.prepare("AT-0001")
    unit = read_unit_file(records.unit_file("AT-0001"))
    assert (unit.serial, unit.name) == ("AT-0001", facts.name)
    assert passwords.is_right(claim_code.read(facts.code), unit.claim)
    assert facts.code.replace("-", "")[:-1] not in records.unit_file("AT-0001").read_text()
    assert stat.S_IMODE((tmp_path / "AT-0001" / "label.json").stat().st_mode) == 0o600
    with pytest.raises(ConfigError, match="prepared already"):
        records.prepare("AT-0001")
    assert records.label("AT-0001") == facts
    records.forget_code("AT-0001")
    with pytest.raises(ConfigError, match="not kept any more"):
        records.label("AT-0001")


def test_a_unit_s_provision_file_is_the_reseller_s_with_the_unit_in_it(tmp_path: Path) -> None:
    (tmp_path / "all.toml").write_text('format = 1\n[model]\npreload = "qwen3-4b"\n')
    asked = ["prepare", "AT-1", "--provision", str(tmp_path / "all.toml")]
    assert run(tmp_path, *asked)[0] == 0
    folder = tmp_path / "units" / "AT-1"
    found = read_provision((folder / "atre-provision.toml").read_bytes())
    assert found.model is not None
    assert found.model.preload == "qwen3-4b"
    assert found.unit == read_unit_file(folder / "unit.toml")
    box = tmp_path / "box"
    assert apply_files(box, (folder / "atre-provision.toml").read_bytes(), None)
    assert adopted(box) == found.unit
    (tmp_path / "all.toml").write_text("format = 2\n")
    assert run(tmp_path, *asked[:1], "AT-2", *asked[2:])[0] == 1
    assert Records(tmp_path / "units").serials() == ["AT-1"]


def test_no_two_units_share_a_name_or_a_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draws = iter(["7f3a", "7f3a", "0b1c"])
    monkeypatch.setattr("secrets.token_hex", lambda _count: next(draws))
    records = Records(tmp_path)
    first, second = records.prepare("A"), records.prepare("B")
    assert (first.name, second.name) == ("atre-7f3a", "atre-0b1c")
    assert first.code != second.code


@pytest.mark.parametrize("serial", ["../up", "", "a b", 'x"y', "-x", "a/b"])
def test_a_serial_number_that_no_folder_may_have_is_refused(tmp_path: Path, serial: str) -> None:
    with pytest.raises(ConfigError):
        Records(tmp_path).prepare(serial)
    assert list(tmp_path.iterdir()) == []


# Flashing


def test_an_image_is_written_to_all_disks_and_read_back(tmp_path: Path) -> None:
    disks = [disk(tmp_path, "a"), disk(tmp_path, "b")]
    told: list[str] = []
    results = flash(cut(_IMAGE), disks, lambda _target, step, _done: told.append(step))
    for path, written in zip(disks, results, strict=True):
        assert (written.is_done, written.problem) == (True, "")
        assert written.sha256 == hashlib.sha256(_IMAGE).hexdigest()
        content = path.read_bytes()
        assert content.startswith(_IMAGE)
        # Another system's spare partition table would stand here.
        assert content.endswith(bytes(PIECE_BYTES))
    assert {"write", "read back"} == set(told)


def test_a_disk_that_ends_too_soon_fails_alone(tmp_path: Path) -> None:
    small, good = disk(tmp_path, "small", len(_IMAGE) - 1), disk(tmp_path, "good")
    first, second = flash(cut(_IMAGE), [small, good], lambda *_told: None)
    assert not first.is_done
    assert "too few" in first.problem
    assert second.is_done
    assert small.stat().st_size == len(_IMAGE) - 1
    assert small.read_bytes()[:4] == bytes(4)  # nothing of the image can be started


def test_a_disk_that_gives_back_something_else_is_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, count, at: read(fd, count, at)[:-1] + b"?")
    (written,) = flash(cut(_IMAGE), [disk(tmp_path, "a")], lambda *_told: None)
    assert not written.is_done
    assert "something else" in written.problem


def test_an_image_that_breaks_off_leaves_no_disk_that_starts(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield _IMAGE[:PIECE_BYTES]
        raise ConfigError("cut")

    path = disk(tmp_path, "a")
    with pytest.raises(ConfigError, match="cut"):
        flash(broken(), [path], lambda *_told: None)
    assert path.read_bytes()[:PIECE_BYTES] == bytes(PIECE_BYTES)


def test_disks_that_must_not_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="neither a disk nor a file"):
        check_target(tmp_path, 1)
    with pytest.raises(ConfigError, match="No such file"):
        check_target(tmp_path / "none", 1)
    with pytest.raises(ConfigError, match="it holds 10 bytes, and the image takes 11"):
        check_target(disk(tmp_path, "a", 10), 11)
    check_target(disk(tmp_path, "a", 11), 11)


class _Disk(type(Path())):  # type: ignore[misc]
    """A path that says it is the block device 8:16."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = list(super().stat(follow_symlinks=follow_symlinks))
        found[0] = stat.S_IFBLK | 0o660
        return os.stat_result(found, {"st_rdev": os.makedev(8, 16)})


@pytest.mark.parametrize(
    ("source", "device", "system", "why"),
    [
        ("/dev/sdz9", "8:17", (), "mounted at /mnt"),
        ("/dev/sdz", "8:16", (), "mounted at /mnt"),
        ("/dev/other", "9:1", ("8:16",), "runs from it"),
        ("/dev/other", "9:1", (), ""),
    ],
)
def test_a_disk_in_use_or_of_this_system_is_refused(
    tmp_path: Path, source: str, device: str, system: tuple[str, ...], why: str
) -> None:
    target = _Disk(disk(tmp_path, "sdz", 10))
    partition = tmp_path / "sys" / "8:16" / "sdz9"
    partition.mkdir(parents=True)
    (partition / "dev").write_text("8:17\n")
    mounts = [Mount("/mnt", device, "ext4", source, is_read_only=False)]
    if not why:
        check_target(target, 10, mounts=mounts, system=system, sys=tmp_path / "sys")
        return
    with pytest.raises(ConfigError, match=why):
        check_target(target, 10, mounts=mounts, system=system, sys=tmp_path / "sys")


def test_a_partition_is_no_disk(tmp_path: Path) -> None:
    (tmp_path / "sys" / "8:16").mkdir(parents=True)
    (tmp_path / "sys" / "8:16" / "partition").write_text("1\n")
    target = _Disk(disk(tmp_path, "sdz1", 10))
    with pytest.raises(ConfigError, match="it is a partition"):
        check_target(target, 10, mounts=[], system=(), sys=tmp_path / "sys")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    raw = tmp_path / "atre.raw"
    raw.write_bytes(_IMAGE)
    subprocess.run(["zstd", "-q", "-1", str(raw)], check=True)
    packed = tmp_path / "atre.raw.zst"
    digest = hashlib.sha256(packed.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  atre.raw.zst\n")
    return packed


@_zstd
def test_the_command_flashes_a_compressed_image_and_keeps_a_record(
    tmp_path: Path, image: Path
) -> None:
    assert content_bytes(image.read_bytes()[:18]) == len(_IMAGE)
    assert run(tmp_path, "prepare", "AT-1", "AT-2")[0] == 0
    disks = [disk(tmp_path, "a"), disk(tmp_path, "b")]
    status, told = run(
        tmp_path,
        "flash",
        str(image),
        "--yes",
        "--to",
        f"AT-1={disks[0]}",
        "--to",
        f"AT-2={disks[1]}",
    )
    assert status == 0, told
    assert "✓ AT-1" in told
    record = Records(tmp_path / "units").flashed("AT-2")
    assert record is not None
    assert record.is_done
    assert record.sha256 == hashlib.sha256(_IMAGE).hexdigest()
    assert disks[1].read_bytes().startswith(_IMAGE)


@_zstd
def test_the_command_writes_nothing_of_an_image_that_nobody_vouches_for(
    tmp_path: Path, image: Path
) -> None:
    run(tmp_path, "prepare", "AT-1")
    path = disk(tmp_path, "a")
    before = path.read_bytes()
    asked = ["flash", str(image), "--yes", "--to", f"AT-1={path}"]
    assert "damaged or another one" in run(tmp_path, *asked, "--sha256", "0" * 64)[1]
    (tmp_path / "SHA256SUMS").unlink()
    assert "Nothing says what atre.raw.zst must be" in run(tmp_path, *asked)[1]
    assert path.read_bytes() == before
    assert Records(tmp_path / "units").flashed("AT-1") is None


@_zstd
def test_a_unit_that_was_cut_off_is_not_done(tmp_path: Path, image: Path) -> None:
    run(tmp_path, "prepare", "AT-1")
    image.write_bytes(image.read_bytes()[: -PIECE_BYTES // 2])
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    asked = ["flash", str(image), "--yes", "--to", f"AT-1={disk(tmp_path, 'a')}"]
    status, told = run(tmp_path, *asked, "--sha256", digest)
    assert status == 1
    assert "cannot be decompressed" in told
    record = Records(tmp_path / "units").flashed("AT-1")
    assert record is not None
    assert not record.is_done


@pytest.mark.parametrize("to", ["AT-1", "AT-1=", "AT-9=/dev/null"])
def test_a_disk_that_is_no_unit_s_is_refused(tmp_path: Path, to: str) -> None:
    run(tmp_path, "prepare", "AT-1")
    (tmp_path / "x.raw").write_bytes(b"x")
    assert run(tmp_path, "flash", str(tmp_path / "x.raw"), "--yes", "--to", to)[0] == 1


# Labels


def words(pdf: bytes, tmp_path: Path) -> str:
    (tmp_path / "label.pdf").write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "label.pdf"), "-"], capture_output=True, check=True
    )
    return done.stdout.decode()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="poppler-utils is not installed")
@pytest.mark.parametrize("name", sorted(SIZES))
def test_a_label_says_everything_in_both_languages(name: str, tmp_path: Path) -> None:
    text = words(labels([_FACTS], SIZES[name], ports=Ports()), tmp_path)
    for said in (
        "https://atre-7f3a.local", "7F3A-K2M9-PQ4T-6", "AT-0001", "Code de mise en service",
        "Claim code", "Ouvrir · Open", "Confiance · Trust",
    ):  # fmt: skip
        assert said in text, (name, said)


def test_the_codes_lead_to_the_panel_and_to_the_trust_page() -> None:
    assert Links.of("atre-7f3a", Ports()) == (
        "https://atre-7f3a.local/", "http://atre-7f3a.local/trust",
    )  # fmt: skip
    assert Links.of("a", Ports(8443, 8080)) == (
        "https://a.local:8443/", "http://a.local:8080/trust",
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(SHEETS))
def test_every_place_of_a_sheet_is_on_its_page(name: str) -> None:
    sheet = SHEETS[name]
    size = SIZES[sheet.label]
    for number in range(sheet.num_places):
        x, y = sheet.place(number)
        assert 0 <= x <= sheet.width - size.width + 1
        assert -1 <= y <= sheet.height - size.height
    assert sheet.place(0)[1] > sheet.place(sheet.num_places - 1)[1]


def test_a_sheet_goes_on_where_the_last_one_ended() -> None:
    sheet = SHEETS["a4-14"]
    drawn = labels([_FACTS] * 3, SIZES[sheet.label], ports=Ports(), sheet=sheet, skip=12)
    assert drawn.count(b"/Type /Page\n") == 2
    assert drawn == labels([_FACTS] * 3, SIZES[sheet.label], ports=Ports(), sheet=sheet, skip=12)


def test_words_that_do_not_fit_are_refused_and_never_cut() -> None:
    long = LabelFacts(serial="A" * 64, name="atre-7f3a", code=_FACTS.code)
    with pytest.raises(ValueError, match="too long for this label"):
        labels([long], SIZES["62x29"], ports=Ports())


def test_the_command_prints_labels_and_then_forgets_the_codes(tmp_path: Path) -> None:
    run(tmp_path, "prepare", "AT-1")
    pdf = tmp_path / "labels.pdf"
    status, told = run(tmp_path, "label", "AT-1", "--to", str(pdf), "--forget")
    assert status == 0
    assert f"{pdf} shows the codes: delete it" in told
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.stat().st_mode & 0o777 == 0o600
    status, told = run(tmp_path, "label", "AT-1", "--to", str(pdf))
    assert status == 1
    assert "not kept any more" in told
