# SPDX-License-Identifier: Apache-2.0
"""What smartctl says of one disk, in figures. Pure; whatever is missing or odd is None.

Sources: smartctl(8), --json; NVM Express Base 2.0, 5.16.1.3 (a data unit is 1000 × 512 bytes,
percentage used may pass 100); ATA ACS-4, 9.5.4 and 9.5.8 (device statistics).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

_DATA_UNIT_BYTES = 512_000
# Attributes whose raw value counts sectors that were lost or soon will be.
_BAD_SECTOR_ATTRIBUTES = {5, 197, 198}
_SECTORS_WRITTEN, _ENDURANCE = "Logical Sectors Written", "Percentage Used Endurance Indicator"
_MAX_COUNT = 2**63
_HOTTEST_C, _COLDEST_C = 150, -40


@dataclass(frozen=True, slots=True, kw_only=True)
class Smart:
    """One disk. ``wear`` is a fraction; ``key`` tells disks apart without naming their serial."""

    name: str
    key: str
    model: str
    size_bytes: int | None
    wear: float | None
    media_errors: int | None
    written_bytes: int | None
    temperature_c: float | None
    power_on_hours: int | None
    has_passed: bool | None


def read(name: str, data: bytes) -> Smart | None:
    """None for what is no report of a disk that knows SMART."""
    try:
        said = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(said, dict) or not (_dict(said, "smart_status") or _nvme(said)):
        return None
    passed = _dict(said, "smart_status").get("passed")
    block = _count(said.get("logical_block_size")) or 512
    return Smart(
        name=name,
        key=_text(said.get("serial_number"), 40) or name,
        model=_text(said.get("model_name"), 60),
        size_bytes=_count(_dict(said, "user_capacity").get("bytes")),
        wear=_wear(said),
        media_errors=_media_errors(said),
        written_bytes=_written(said, block),
        temperature_c=_temperature(_dict(said, "temperature").get("current")),
        power_on_hours=_count(_dict(said, "power_on_time").get("hours")),
        has_passed=passed if isinstance(passed, bool) else None,
    )


def _wear(said: dict[str, Any]) -> float | None:
    for value in (
        _nvme(said).get("percentage_used"),
        _dict(said, "endurance_used").get("current_percent"),
        _statistic(said, _ENDURANCE),
    ):
        percent = _count(value)
        if percent is not None and percent <= 255:  # noqa: PLR2004 -- one byte, in both standards
            return percent / 100
    return None


def _media_errors(said: dict[str, Any]) -> int | None:
    if (errors := _count(_nvme(said).get("media_errors"))) is not None:
        return errors
    table = _dict(said, "ata_smart_attributes").get("table")
    counts = [
        count
        for each in (table if isinstance(table, list) else [])
        if isinstance(each, dict)
        and each.get("id") in _BAD_SECTOR_ATTRIBUTES
        # The upper bytes of a raw value are the maker's own.
        and (count := _count(_dict(each, "raw").get("value"))) is not None
    ]
    return sum(count & 0xFFFFFFFF for count in counts) if counts else None


def _written(said: dict[str, Any], block_bytes: int) -> int | None:
    if (units := _count(_nvme(said).get("data_units_written"))) is not None:
        return units * _DATA_UNIT_BYTES
    sectors = _count(_statistic(said, _SECTORS_WRITTEN))
    return None if sectors is None else sectors * block_bytes


def _statistic(said: dict[str, Any], name: str) -> object:
    return next((row.get("value") for row in _statistics(said) if row.get("name") == name), None)


def _statistics(said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    pages = _dict(said, "ata_device_statistics").get("pages")
    for page in pages if isinstance(pages, list) else []:
        table = page.get("table") if isinstance(page, dict) else None
        yield from (row for row in (table if isinstance(table, list) else []) if _is_valid(row))


def _is_valid(row: object) -> bool:
    return isinstance(row, dict) and _dict(row, "flags").get("valid") is True


def _nvme(said: dict[str, Any]) -> dict[str, Any]:
    return _dict(said, "nvme_smart_health_information_log")


def _dict(said: dict[str, Any], key: str) -> dict[str, Any]:
    found = said.get(key)
    return found if isinstance(found, dict) else {}


def _count(value: object) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT
    return value if is_count else None  # type: ignore[return-value]


def _temperature(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not _COLDEST_C < value < _HOTTEST_C:  # type: ignore[operator]
        return None
    return float(value)  # type: ignore[arg-type]


def _text(value: object, length: int) -> str:
    return "".join(c for c in value if c.isprintable())[:length] if isinstance(value, str) else ""
