# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.hardware.detect import detect
from atre.hardware.machine import Memory, MemoryModule
from atre.hardware.memory_bus import memory_bus
from atre.hardware.memory_modules import MODULE_LINE

_MACHINES = Path(__file__).parents[1] / "machines"
_DMI = Path(__file__).parents[3] / "shared" / "data" / "dmi"

# GB/s by hand from the modules of each table: channels × width × speed ÷ 8.
_OUTSIDERS = {
    "ASUSTek_Computer__MINIPC__MINIPC_PN42": 25.6,
    "ASUSTek_Computer__MINIPC__MINIPC_PN50": 51.2,
    "ASUSTek_Computer__PN__PN41": 23.464,
    "AWOW__NY__NY41": 17.064,
    "AZW__SER__SER": 51.2,
    "Apple__Macmini3__Macmini3,1": 17.072,
    "Apple__Macmini8__Macmini8,1": 42.672,
    "BESSTAR_Tech__GK__GK50": 8.532,
    "BESSTAR_Tech__U500__U500-H": 25.6,
    "Chuwi__HeroBox__HeroBox": 9.6,
    "Dell__Edge__Edge_Gateway_3001": 8.528,
    "Dell__Wyse__Wyse_5070_Thin_Client": 38.4,
    "GMKtec__M5__M5_Pro": 51.2,
    "GMKtec__NucBox__NucBox_K7": 83.2,
    "Hewlett-Packard__EliteDesk__EliteDesk_800_G3_DM_35W": 17.064,
    "Hewlett-Packard__EliteDesk__EliteDesk_800_G6_Desktop_Mini_PC": 46.928,
    "Hewlett-Packard__Pro__Pro_Mini_400_G9_Desktop_PC": 25.6,
    "Intel_Client_Systems__NUC10__NUC10i7FNH": 42.672,
    "Intel_Client_Systems__NUC11__NUC11ATKC4": 42.672,
    "Intel_Client_Systems__NUC11__NUC11PAHi7": 51.2,
    "Intel__NUC6i7KYB__NUC6i7KYB_H90766-406": 42.672,
    "Intel__NUC8__NUC8i7HVK": 51.2,
    "Lenovo__ThinkCentre__ThinkCentre_M75q_Gen_2_11JJCTO1WW": 51.2,
    "Lenovo__ThinkCentre__ThinkCentre_M920q_10RRS38W00": 34.128,
    "Lenovo__ThinkCentre__ThinkCentre_M920x_10S10014MZ": 21.328,
    "Micro_Computer_(HK)_Tech_Limited__Venus__Venus_series": 89.6,
    "ShuttleInc.__ZBOX-EN7208__ZBOX-EN72080V-EN72070V-EN52060V-EN51660T": 42.672,
    "System76__Meerkat__Meerkat": 42.672,
    "Trigkey__S__S5": 51.2,
    "ZOTAC__ZBOX-ID92__ZBOX-ID92-ZBOX-IQ01": 25.6,
}
_RECORDED = {
    "n100-mini-pc": (1, 25.6),
    "amd-780m-class-0380": (2, 89.6),
    "strix-halo-96-gb-set-apart": (8, 256.0),
    "core-ultra-npu-unbound-decoy-1180": (2, 89.6),
    "nvidia-desktop": (2, 51.2),  # four modules, two to a channel, below their rated speed
    "lunar-lake-258v": (8, 136.528),
    "two-cards-behind-one-bridge": (4, 102.4),
    "arc-b580-beside-arrow-lake": (2, 89.6),
    "krackan-860m-one-module": (1, 44.8),
}
_UNITS = {"MB": 2**20, "GB": 2**30}
_KEYS = {
    "Data Width": "DATA_WIDTH",
    "Form Factor": "FORM_FACTOR",
    "Locator": "LOCATOR",
    "Bank Locator": "BANK_LOCATOR",
    "Type": "TYPE",
    "Speed": "SPEED_MTS",
    "Configured Memory Speed": "CONFIGURED_SPEED_MTS",
}


def as_udev(table: str) -> str:
    """What udev publishes of a table that dmidecode printed: numbers only, in bytes, bits, MT/s."""
    devices = re.findall(r"^Memory Device\n((?:\t.*\n?)+)", table, re.MULTILINE)
    return "".join(
        f"E:MEMORY_DEVICE_{number}_{line}\n"
        for number, device in enumerate(devices)
        for line in _udev_lines(device)
    )


def _udev_lines(device: str) -> list[str]:
    parts = (line.partition(":") for line in device.splitlines())
    fields = {key.strip(): value.strip() for key, _, value in parts}
    size = re.fullmatch(r"(\d+) (MB|GB)", fields["Size"])
    lines = [f"SIZE={int(size[1]) * _UNITS[size[2]]}" if size else "PRESENT=0"]
    for key, name in _KEYS.items():
        value = re.sub(r" (bits|MT/s)$", "", fields.get(key, "Unknown"))
        if value != "Unknown" or name in {"FORM_FACTOR", "TYPE"}:
            lines.append(f"{name}={value}")
    return lines


def memory(root: Path, entry: bytes | str) -> Memory:
    file = root / "run/udev/data/+dmi:id"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(entry if isinstance(entry, bytes) else entry.encode())
    return detect(root).memory


def gb_per_s(found: Memory) -> float | None:
    return None if found.bus is None else found.bus.bandwidth_bytes_per_s / 1e9


def module(**facts: object) -> MemoryModule:
    usual = {"size_bytes": 8 * 2**30, "data_bits": 64, "configured_mts": 3200}
    return msgspec.convert(usual | facts, MemoryModule)


def test_the_tables_of_thirty_real_machines_give_their_bandwidth(tmp_path: Path) -> None:
    if not _DMI.is_dir():
        pytest.skip("shared/data/dmi is not beside the checkout")
    found = {
        file.stem: gb_per_s(memory(tmp_path, as_udev(file.read_text("utf-8"))))
        for file in sorted(_DMI.glob("*.txt"))
    }
    assert found == _OUTSIDERS


@pytest.mark.parametrize("name", sorted(_RECORDED))
def test_a_recorded_machine_gives_its_bandwidth(name: str) -> None:
    found = detect(_MACHINES / name).memory
    assert found.bus is not None
    assert (found.bus.channels, gb_per_s(found)) == _RECORDED[name]
    assert found.bus.is_configured


def test_without_udev_nothing_is_known(tmp_path: Path) -> None:
    assert detect(tmp_path).memory == Memory()
    assert memory(tmp_path, "I:1\nE:ID_VENDOR=x\n").modules is None


def test_two_modules_in_one_channel_take_turns() -> None:
    places = [("P0 CHANNEL A", "DIMM 0"), ("P0 CHANNEL A", "DIMM 1")]
    modules = [module(bank_locator=bank, locator=slot) for bank, slot in places]
    found = memory_bus(modules, 0)
    assert found is not None
    assert (found.channels, found.bandwidth_bytes_per_s) == (1, 25_600_000_000)


@pytest.mark.parametrize(
    ("names", "channels"),
    [
        (["ChannelA-DIMM0", "ChannelA-DIMM1", "ChannelB-DIMM0", "ChannelB-DIMM1"], 2),
        (["DIMM_A1", "DIMM_A2", "DIMM_B1", "DIMM_B2"], 2),
        (["CPU0_DIMM_A1", "CPU0_DIMM_B1", "CPU1_DIMM_A1", "CPU1_DIMM_B1"], 4),
        (["Controller0-ChannelA-DIMM0", "Controller1-ChannelA-DIMM0"], 2),
        (["Controller0ChannelADimm0", "Controller0ChannelADimm1"], 1),
        (["Memory Channel A", "Memory Channel B"], 2),
        # Copied without thought: both cannot be in one slot.
        (["Channel 0 Slot 0 SODIMM1", "Channel 0 Slot 0 SODIMM2"], 2),
        (["SODIMM1", "SODIMM2"], 2),
        (["A1_DIMM0", "A1_DIMM1"], 2),
    ],
)
def test_channels_are_told_by_the_names_on_the_board(names: list[str], channels: int) -> None:
    found = memory_bus([module(locator=name) for name in names], 0)
    assert found is not None
    assert found.channels == channels


def test_four_modules_without_a_channel_say_nothing() -> None:
    assert memory_bus([module(locator=f"DIMM{n}") for n in range(4)], 0) is None


def test_chips_narrower_than_a_module_have_a_channel_each() -> None:
    found = memory_bus([module(data_bits=16, locator=f"A1_DIMM{n}") for n in range(4)], 0)
    assert found is not None
    assert (found.channels, found.data_bits) == (4, 64)


def test_all_channels_run_at_the_slowest_speed() -> None:
    found = memory_bus([module(locator="A"), module(locator="B", configured_mts=2400)], 0)
    assert found is not None
    assert found.speed_mts == 2400


def test_the_speed_on_the_label_is_the_second_choice() -> None:
    slowed = memory_bus([module(configured_mts=2933, rated_mts=3200)], 0)
    rated = memory_bus([module(configured_mts=None, rated_mts=1067)], 0)
    assert slowed is not None
    assert (slowed.speed_mts, slowed.is_configured) == (2933, True)
    assert rated is not None
    assert (rated.speed_mts, rated.is_configured) == (1067, False)


def test_a_list_that_is_too_short_for_the_memory_says_nothing() -> None:
    assert memory_bus([module()], 8 * 2**30) is not None
    assert memory_bus([module()], 8 * 2**30 + 1) is None


def test_a_width_that_cannot_be_is_that_of_every_module() -> None:
    found = memory_bus([module(data_bits=65506, form_factor="SODIMM")], 0)
    assert found is not None
    assert found.data_bits == 64
    assert memory_bus([module(data_bits=65506)], 0) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"size_bytes": None},
        {"data_bits": None},
        {"configured_mts": None},
        {"configured_mts": 1},
        {"configured_mts": 65535},
    ],
)
def test_one_missing_fact_leaves_the_bandwidth_unknown(facts: dict[str, object]) -> None:
    assert memory_bus([module(locator="A"), module(locator="B", **facts)], 0) is None


def test_a_serial_number_is_never_read(tmp_path: Path) -> None:
    entry = "E:MEMORY_DEVICE_0_SIZE=1\nE:MEMORY_DEVICE_0_SERIAL_NUMBER=SECRET\n"
    found = memory(tmp_path, entry + "E:MEMORY_DEVICE_0_ASSET_TAG=SECRET\n")
    assert found.modules == (MemoryModule(size_bytes=1),)
    assert [line for line in entry.splitlines() if MODULE_LINE.fullmatch(line)] == [
        "E:MEMORY_DEVICE_0_SIZE=1"
    ]


def test_bytes_that_are_no_text_spoil_only_their_line(tmp_path: Path) -> None:
    entry = b"E:MEMORY_DEVICE_0_PART_NUMBER=\xff\xfe\nE:MEMORY_DEVICE_0_SIZE=1024\n"
    assert memory(tmp_path, entry).modules == (MemoryModule(size_bytes=1024),)


def test_nonsense_in_the_entry_is_unknown(tmp_path: Path) -> None:
    entry = (
        "E:MEMORY_DEVICE_0_SIZE=-1\nE:MEMORY_DEVICE_0_DATA_WIDTH=N/A\n"
        "E:MEMORY_DEVICE_0_TYPE=<OUT OF SPEC>\nE:MEMORY_DEVICE_0_SPEED_MTS=\n"
        "E:MEMORY_DEVICE_0_LOCATOR=Not Specified\nE:MEMORY_DEVICE_9999_SIZE=1\nE:MEMORY_DEVICE_\n"
    )
    assert memory(tmp_path, entry).modules == (MemoryModule(),)


_ANY_MODULE = st.builds(
    MemoryModule,
    size_bytes=st.none() | st.integers(0, 2**64),
    data_bits=st.none() | st.sampled_from([8, 16, 32, 64, 72, 65506]),
    form_factor=st.none() | st.sampled_from(["DIMM", "SODIMM", "Row Of Chips"]),
    configured_mts=st.none() | st.integers(0, 70_000),
    rated_mts=st.none() | st.integers(0, 70_000),
    locator=st.none() | st.sampled_from(["DIMM_A1", "ChannelB-DIMM0"]) | st.text(max_size=12),
    bank_locator=st.none() | st.sampled_from(["P0 CHANNEL A", "BANK 0"]) | st.text(max_size=12),
)


@given(modules=st.lists(_ANY_MODULE, max_size=8), total_bytes=st.none() | st.integers(0, 2**40))
def test_any_modules_give_a_bus_that_adds_up_or_none(
    modules: list[MemoryModule], total_bytes: int | None
) -> None:
    found = memory_bus(modules, total_bytes)
    if found is not None:
        assert 1 <= found.channels <= len(modules)
        assert found.bandwidth_bytes_per_s == found.data_bits * found.speed_mts * 125_000
