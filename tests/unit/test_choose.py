# SPDX-License-Identifier: Apache-2.0
import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.errors import ConfigError
from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.machine import (
    Cpu,
    DeviceType,
    GgmlDevice,
    Machine,
    Memory,
    PciDevice,
    Product,
)
from atre.hardware.profiles import MatchRules, Profile, load_profiles

_ROOT = Path(__file__).parents[2]
_PROFILES = load_profiles(_ROOT / "hardware-profiles")
_RUN = next(profile for profile in _PROFILES if profile.name == "generic-cpu").run

_INTEL_GPU = PciDevice(
    address="0000:00:02.0", vendor_id="8086", device_id="46d1", pci_class="030000"
)


def profile(name: str, **rules: object) -> Profile:
    return Profile(name=name, title=name, title_fr=name, match=MatchRules(**rules), run=_RUN)  # type: ignore[arg-type]


def machine_of(rules: MatchRules) -> Machine:
    """A machine with the first of everything that a profile asks for, and nothing else."""
    pci_id = rules.pci_ids[0] if rules.pci_ids else f"{(*rules.pci_vendors, '1002')[0]}:ffff"
    vendor_id, device_id = pci_id.split(":")
    has_gpu = bool(rules.pci_ids or rules.pci_vendors or rules.gfx)
    wanted = [DeviceType(each) for each in rules.device_types]
    kind = wanted[0] if wanted else DeviceType.CPU
    gpu = PciDevice(
        address="0000:01:00.0",
        vendor_id=vendor_id,
        device_id=device_id,
        pci_class=f"{(*rules.pci_classes, '0300')[0]}00",
        integrated=kind is not DeviceType.GPU,
        gfx=rules.gfx[0] if rules.gfx else None,
    )
    return Machine(
        os=rules.os or "linux",
        cpu=Cpu(architecture=(*rules.architectures, "x86_64")[0], flags=rules.cpu_flags),
        memory=Memory(total_bytes=rules.max_memory_bytes or rules.min_memory_bytes or 64 * 2**30),
        gpus=None if rules.os == "macos" else (gpu,) if has_gpu else (),
        npus=(),
        product=Product(
            vendor=(*rules.product_vendors, "Apple" if rules.os == "macos" else "Maker")[0],
            name=(*rules.product_names, "Box")[0],
            compatible=rules.compatible[:1] or None,
        ),
        devices=tuple(
            GgmlDevice(name=each, description=each, type=each) for each in {kind, DeviceType.CPU}
        ),
    )


@pytest.mark.parametrize("name", [profile.name for profile in _PROFILES])
def test_a_machine_that_is_just_what_a_profile_says_gets_it(name: str) -> None:
    wanted = next(profile for profile in _PROFILES if profile.name == name)
    assert choose(machine_of(wanted.match), _PROFILES).profile is wanted


def test_the_specific_beats_the_generic_however_many_generic_rules_match() -> None:
    machine = Machine(
        os="linux",
        cpu=Cpu(architecture="x86_64", flags=("avx2",)),
        memory=Memory(total_bytes=16 * 2**30),
        gpus=(_INTEL_GPU,),
        product=Product(vendor="Maker", name="Box"),
    )
    exact = profile("exact", pci_ids=("8086:46d1",))
    broad = profile(
        "broad",
        os="linux",
        architectures=("x86_64",),
        pci_vendors=("8086",),
        pci_classes=("0300",),
        product_vendors=("maker",),
        product_names=("box",),
        cpu_flags=("avx2",),
        min_memory_bytes=1,
    )
    assert choose(machine, [broad, exact, profile("generic")]).profile is exact


def test_an_unknown_fact_never_rejects() -> None:
    found = Machine(gpus=(_INTEL_GPU,))
    wants_memory = profile("intel", pci_vendors=("8086",), min_memory_bytes=8 * 2**30)
    choice = choose(found, [wants_memory, profile("generic")])
    assert choice.profile is wants_memory
    assert "memory of this machine unknown" in choice.reason


def test_nothing_known_means_the_generic_profile() -> None:
    choice = choose(Machine(), _PROFILES)
    assert choice.profile.name == "generic-cpu"
    why = {refusal.name: refusal.why for refusal in choice.refused}
    assert "compatible of this machine unknown" in why["raspberry-pi-5"]


def test_memory_alone_does_not_tell_a_machine() -> None:
    known = Machine(os="linux", memory=Memory(total_bytes=2**30))
    assert choose(known, _PROFILES).profile.name == "generic-cpu"
    small = profile("small", max_memory_bytes=2**31)
    board = profile("board", max_memory_bytes=2**31, compatible=("maker,board",))
    assert choose(known, [profile("z-generic"), small, board]).profile.name == "small"


def test_a_known_difference_always_rejects() -> None:
    found = Machine(gpus=(_INTEL_GPU,), memory=Memory(total_bytes=4 * 2**30))
    wants_memory = profile("intel", pci_ids=("8086:46d1",), min_memory_bytes=8 * 2**30)
    choice = choose(found, [wants_memory, profile("generic")])
    assert choice.profile.name == "generic"
    assert choice.refused[0].why == (
        "memory 4294967296 bytes, must be 8589934592 to any number of bytes"
    )


def test_a_card_that_can_be_used_beats_the_exact_id_of_an_integrated_gpu() -> None:
    card = PciDevice(address="0000:01:00.0", vendor_id="10de", device_id="ffff", pci_class="030000")
    integrated = msgspec.structs.replace(_INTEL_GPU, integrated=True)
    devices = tuple(
        GgmlDevice(name=kind, description=kind, type=kind)
        for kind in (DeviceType.GPU, DeviceType.CPU)
    )
    found = Machine(os="linux", gpus=(integrated, card), npus=(), devices=devices)
    assert choose(found, _PROFILES).profile.name == "nvidia"
    unused = msgspec.structs.replace(found, devices=devices[1:])
    assert choose(unused, _PROFILES).profile.name == "intel-n-series"


def test_one_rule_says_more_of_a_card_than_of_an_integrated_gpu() -> None:
    card = PciDevice(address="0000:01:00.0", vendor_id="10de", device_id="2684", pci_class="030000")
    integrated = msgspec.structs.replace(_INTEL_GPU, integrated=True)
    about_card = profile("z-card", pci_ids=("10de:2684",))
    about_integrated = profile("a-integrated", pci_ids=("8086:46d1",))
    found = Machine(gpus=(integrated, card))
    assert choose(found, [about_integrated, about_card]).profile is about_card


def test_a_gpu_that_does_not_tell_its_gfx_is_not_rejected() -> None:
    known = PciDevice(address="0000:01:00.0", vendor_id="1002", device_id="1586", gfx="gfx1151")
    silent = msgspec.structs.replace(known, address="0000:02:00.0", gfx=None)
    halo = profile("halo", gfx=("gfx1151",))
    assert choose(Machine(gpus=(known, silent)), [halo, profile("any")]).profile is halo
    doubtful = choose(Machine(gpus=(silent,)), [halo, profile("any")])
    assert doubtful.profile.name == "any"
    assert "gfx of this machine unknown" in doubtful.refused[0].why
    refused = choose(Machine(gpus=(_INTEL_GPU,)), [halo, profile("any")]).refused
    assert refused[0].why == "gfx must be gfx1151, here none"


def test_names_are_compared_without_regard_to_case() -> None:
    found = Machine(product=Product(vendor="ACME", name="bOX 3"))
    wanted = profile("acme", product_vendors=("Acme",), product_names=("Box 3",))
    assert choose(found, [wanted, profile("generic")]).profile is wanted


def test_of_two_equals_the_first_in_the_alphabet_wins() -> None:
    found = Machine(gpus=(_INTEL_GPU,))
    twins = [profile(name, pci_ids=("8086:46d1",)) for name in ("beech", "ash", "cedar")]
    for order in (twins, twins[::-1]):
        assert choose(found, order).profile.name == "ash"


def test_without_a_generic_profile_the_error_names_the_file() -> None:
    with pytest.raises(ConfigError, match=r"generic-cpu\.toml"):
        choose(Machine(os="linux"), [profile("mac", os="macos")])


@given(
    seed=st.integers(0, 2**32),
    name=st.sampled_from(
        sorted(path.name for path in (_ROOT / "tests" / "machines").iterdir() if path.is_dir())
    ),
)
def test_the_choice_does_not_depend_on_the_order_of_the_profiles(seed: int, name: str) -> None:
    found = detect(_ROOT / "tests" / "machines" / name)
    shuffled = list(_PROFILES)
    random.Random(seed).shuffle(shuffled)
    assert choose(found, shuffled) == choose(found, _PROFILES)


_ADDRESSES = st.sampled_from(["0000:00:02.0", "0000:01:00.0"])
_GPUS = st.builds(
    PciDevice,
    address=_ADDRESSES,
    vendor_id=st.sampled_from(["8086", "1002", "10de"]),
    device_id=st.sampled_from(["46d1", "1586", "2504"]),
    pci_class=st.sampled_from([None, "030000", "038000"]),
)


@given(
    gpus=st.none() | st.lists(_GPUS, max_size=2).map(tuple),
    vendor=st.none() | st.sampled_from(["Framework", "Apple"]),
    total_bytes=st.none() | st.integers(1, 2**40),
)
def test_learning_a_fact_never_rejects_what_is_true(
    gpus: tuple[PciDevice, ...] | None, vendor: str | None, total_bytes: int | None
) -> None:
    """A profile written from the machine's own facts is kept, whatever of them is unknown."""
    found = Machine(
        gpus=gpus, product=Product(vendor=vendor), memory=Memory(total_bytes=total_bytes)
    )
    own = profile(
        "own",
        pci_ids=tuple({gpu.pci_id for gpu in gpus or ()}),
        product_vendors=(vendor,) if vendor else ("Somebody",),
        min_memory_bytes=total_bytes or 1,
    )
    choice = choose(found, [own, profile("generic")])
    assert all("must be" not in refusal.why for refusal in choice.refused)
