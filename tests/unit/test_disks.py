# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.disks import smart, written
from atre.disks.findings import findings, years_left
from atre.disks.health import NO_REPORT, Disks
from atre.disks.smart import Smart
from atre.disks.written import Sample, Writes

# Shortened from what smartctl 7.4 prints of an NVMe disk and of one at SATA; names changed.
NVME = {
    "model_name": "Example NVMe 1TB", "serial_number": "S000000000001",
    "user_capacity": {"bytes": 1000204886016}, "smart_status": {"passed": True},
    "nvme_smart_health_information_log": {
        "critical_warning": 0, "temperature": 41, "percentage_used": 83,
        "data_units_written": 123456789, "media_errors": 0, "power_on_hours": 17532,
    },
    "temperature": {"current": 41}, "power_on_time": {"hours": 17532}, "logical_block_size": 512,
}  # fmt: skip
SATA = {
    "model_name": "Example SSD", "serial_number": "S2", "smart_status": {"passed": False},
    "logical_block_size": 512, "power_on_time": {"hours": 100},
    "ata_smart_attributes": {"table": [
        {"id": 5, "name": "Reallocated_Sector_Ct", "raw": {"value": 3}},
        {"id": 9, "name": "Power_On_Hours", "raw": {"value": 100}},
        {"id": 197, "name": "Current_Pending_Sector", "raw": {"value": 2 + (7 << 40)}},
    ]},
    "ata_device_statistics": {"pages": [
        {"number": 1, "table": [
            {"name": "Logical Sectors Written", "value": 2000, "flags": {"valid": True}}]},
        {"number": 7, "table": [
            {"name": "Percentage Used Endurance Indicator", "value": 91,
             "flags": {"valid": True}}]},
    ]},
}  # fmt: skip


def _disk(said: object) -> Smart:
    disk = smart.read("nvme0", json.dumps(said).encode())
    assert disk
    return disk


def test_an_nvme_disk_tells_of_wear_and_writes() -> None:
    disk = _disk(NVME)
    assert (disk.wear, disk.media_errors, disk.temperature_c) == (0.83, 0, 41.0)
    assert disk.written_bytes == 123456789 * 512_000
    assert [each.is_urgent for each in findings(disk)] == [False]
    assert "83 %" in findings(disk)[0].sentence.text_fr.replace("\u00a0", " ")
    left = years_left(disk)
    assert left
    assert left == pytest.approx(2.0 * 0.17 / 0.83, rel=0.01)


def test_a_sata_disk_tells_by_its_statistics_and_attributes() -> None:
    disk = _disk(SATA)
    assert (disk.wear, disk.media_errors) == (0.91, 5), "the upper bytes are the maker's own"
    assert disk.written_bytes == 2000 * 512
    told = findings(disk)
    assert len(told) == 3
    assert all(each.is_urgent for each in told)


@pytest.mark.parametrize(("percent", "urgent"), [(79, None), (80, False), (89, False), (90, True),
                                                 (104, True)])  # fmt: skip
def test_wear_is_told_from_eighty_percent_and_urgent_from_ninety(
    percent: int, *, urgent: bool | None
) -> None:
    log = NVME["nvme_smart_health_information_log"]
    assert isinstance(log, dict)
    disk = _disk(NVME | {"nvme_smart_health_information_log": log | {"percentage_used": percent}})
    assert [each.is_urgent for each in findings(disk)] == ([] if urgent is None else [urgent])


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([*NVME, *SATA, "table", "pages", "raw", "value", "flags", "id", "hours"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(_JSON)
def test_whatever_a_disk_says_is_figures_or_nothing(said: object) -> None:
    nvme = NVME | {"nvme_smart_health_information_log": said, "temperature": said}
    sata = SATA | {"ata_smart_attributes": said, "ata_device_statistics": said}
    for report in (said, nvme, sata):
        disk = smart.read("sda", json.dumps(report).encode())
        if disk:
            findings(disk)
            assert disk.wear is None or 0 <= disk.wear <= 2.55
            assert disk.written_bytes is None or disk.written_bytes >= 0


@given(st.binary(max_size=50))
def test_garbage_is_no_disk(data: bytes) -> None:
    assert smart.read("sda", data) is None


def test_deep_garbage_is_no_disk() -> None:
    assert smart.read("sda", b"[" * 100_000) is None


def test_a_day_of_writes_is_counted_from_the_disk_itself() -> None:
    writes = Writes()
    for hour in range(50):
        for minute in (0, 20):
            sample = Sample(hour * 3600.0 + minute * 60, hour * 10**9)
            writes = written.noted(writes, "disk", sample)
        if hour == 5:
            assert written.in_a_day(writes, "disk") is None, "too short to say"
    assert written.in_a_day(writes, "disk") == 24 * 10**9
    assert len(writes.disks["disk"]) <= 26
    # Another disk in its place counts from its own beginning.
    writes = written.noted(writes, "disk", Sample(51 * 3600.0, 5))
    assert written.in_a_day(writes, "disk") is None


def test_the_reports_of_a_folder_are_judged(tmp_path: Path) -> None:
    reports, now = tmp_path / "reports", [1_800_000_000.0]
    disks = Disks(tmp_path, reports, now=lambda: now[0])
    assert disks.look() == ([], NO_REPORT)
    reports.mkdir()
    (reports / "nvme0.json").write_text(json.dumps(NVME))
    (reports / "sr0.json").write_text('{"device": {"name": "/dev/sr0"}}')
    (reports / "bad.json").write_bytes(b"\xff")
    for path in reports.iterdir():
        os.utime(path, (now[0], now[0]))
    found, problem = disks.look()
    assert [(disk.name, problem) for disk in found] == [("nvme0", None)]
    now[0] += 4 * 3600
    assert disks.look()[1], "nothing new for hours"


_SMARTCTL = """#!/bin/sh
case "$*" in
*--scan*) echo '{"devices": [{"name": "/dev/nvme0"}, {"name": "/dev/../etc"}, {"name": "/dev/sda"}]}' ;;
*nvme0) echo '{"said": "of nvme0"}'; exit 4 ;;
esac
"""  # noqa: E501


def test_each_disk_is_asked_once_and_one_that_went_is_forgotten(tmp_path: Path) -> None:
    program = tmp_path / "smartctl"
    program.write_text(_SMARTCTL)
    program.chmod(0o755)
    (tmp_path / "old.json").touch()
    script = f"""
import sys
from atre.disks import read_smart
read_smart._SMARTCTL = {str(program)!r}
read_smart.main(["--into", {str(tmp_path)!r}])
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert [path.name for path in tmp_path.glob("*.json")] == ["nvme0.json"]
    assert json.loads((tmp_path / "nvme0.json").read_text()) == {"said": "of nvme0"}
