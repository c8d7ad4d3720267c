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
from atre.hardware.machine import Cpu, Machine, Memory, PciDevice, Product
from atre.hardware.profiles import Figure, MatchRules, Profile, RunSettings, load_profiles

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "hardware-profiles"
_PROFILES = load_profiles(_FOLDER)
_GENERIC = (_FOLDER / "generic-cpu.toml").read_text("utf-8")
_RUN = next(profile for profile in _PROFILES if profile.name == "generic-cpu").run

_INTEL_GPU = PciDevice(
    address="0000:00:02.0", vendor_id="8086", device_id="46d1", pci_class="030000"
)


def profile(name: str, **rules: object) -> Profile:
    return Profile(name=name, title=name, title_fr=name, match=MatchRules(**rules), run=_RUN)  # type: ignore[arg-type]


def write(folder: Path, text: str) -> Path:
    (folder / "box.toml").write_text(text, "utf-8")
    return folder


def test_the_profiles_that_ship_are_there() -> None:
    names = {profile.name for profile in _PROFILES}
    assert {"generic-cpu", "vulkan-igpu", "vulkan-gpu", "nvidia", "apple-silicon"} <= names


def test_every_key_of_the_schema_is_explained_in_the_readme() -> None:
    readme = (_FOLDER / "README.md").read_text("utf-8")
    for shape in (MatchRules, RunSettings, Figure):
        for field in msgspec.structs.fields(shape):
            assert f"| `{field.name}` |" in readme, field.name
    assert "| `title` |" in readme
    assert "| `title_fr` |" in readme


def test_a_figure_needs_its_source_and_date(tmp_path: Path) -> None:
    figure = '\n[[figures]]\nwhat = "speed"\nvalue = 9.0\nunit = "tokens/s"\n'
    with pytest.raises(ConfigError, match=r"box\.toml: \[figures\] source is missing"):
        load_profiles(write(tmp_path, _GENERIC + figure))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("slots = 16", "slotz = 16", r"box\.toml: \[run\] slotz is not a known key"),
        ("slots = 16", "", r"box\.toml: \[run\] slots is missing"),
        ("slots = 16", 'slots = "many"', r"box\.toml: \[run\] slots: Expected `int`, got `str`"),
        ("slots = 16", "slots = 65", r"box\.toml: \[run\] slots: Expected `int` <= 64"),
        ("slots = 16", "slots = 1024", r"\[run\] slots"),
        ('kv_type = "f16"', 'kv_type = "q2"', r"\[run\] kv_type: Invalid enum value"),
        ('threads = "performance"', 'threads = "fast"', r"\[run\] threads:"),
        ("[run]", "[runs]", r"box\.toml: \[runs\] is not a known section"),
        ("[run]", '[match]\nos = "windows"\n[run]', r"\[match\] os: Invalid enum value"),
        ("[run]", '[match]\npci_ids = ["8086"]\n[run]', r"\[match\] pci_ids: Expected `str`"),
        ("[run]", '[match]\npci_ids = "8086:46d1"\n[run]', r"\[match\] pci_ids: Expected `array`"),
        (
            "[run]",
            "[match]\nmin_memory_bytes = 2\nmax_memory_bytes = 1\n[run]",
            r"\[match\] min_memory_bytes is above max_memory_bytes",
        ),
        ("sequence_tokens = 8192", "sequence_tokens = 99999", r"\[run\] sequence_tokens must not"),
        ("micro_batch_tokens = 256", "micro_batch_tokens = 4096", r"micro_batch_tokens must not"),
        ('flash_attention = "auto"', "flash_attention = 1", r"\[run\] flash_attention:"),
        ("title = ", "titel = ", r"\[titel\] is not a known section or key"),
        ('title = "Any computer, on its processor"', "title = 3", "title must be a text"),
        ("[run]", "[run", "is not valid TOML"),
        ("[run]", "figures = 3\n[run]", r"must be written as \[\[figures\]\]"),
        ("[run]", "figures = [3]\n[run]", r"\[figures\] must hold keys"),
        ("[run]", "match = 3\n[run]", r"\[match\] must hold keys"),
    ],
)
def test_a_wrong_file_is_refused_by_file_section_and_key(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in _GENERIC
    with pytest.raises(ConfigError, match=message):
        load_profiles(write(tmp_path, _GENERIC.replace(before, after, 1)))


def test_a_quantised_cache_without_flash_attention_is_a_contradiction(tmp_path: Path) -> None:
    text = _GENERIC.replace('"f16"', '"q8_0"').replace('"auto"', '"off"')
    with pytest.raises(ConfigError, match="needs flash_attention"):
        load_profiles(write(tmp_path, text))


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_bytes(b"title = \xff")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_profiles(tmp_path)


def test_a_folder_without_profiles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no hardware profiles"):
        load_profiles(tmp_path / "none")


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


def test_a_known_difference_always_rejects() -> None:
    found = Machine(gpus=(_INTEL_GPU,), memory=Memory(total_bytes=4 * 2**30))
    wants_memory = profile("intel", pci_ids=("8086:46d1",), min_memory_bytes=8 * 2**30)
    choice = choose(found, [wants_memory, profile("generic")])
    assert choice.profile.name == "generic"
    assert choice.refused[0].why == (
        "memory 4294967296 bytes, must be 8589934592 to any number of bytes"
    )


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
