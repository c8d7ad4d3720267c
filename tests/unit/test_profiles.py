# SPDX-License-Identifier: Apache-2.0
import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from atre.errors import ConfigError
from atre.hardware.profiles import Figure, MatchRules, RunSettings, load_profiles

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / "hardware-profiles"
_PROFILES = load_profiles(_FOLDER)
_GENERIC = re.sub(
    r"^models = .*\n", "", (_FOLDER / "generic-cpu.toml").read_text("utf-8"), flags=re.MULTILINE
)


def write(folder: Path, text: str) -> Path:
    (folder / "box.toml").write_text(text, "utf-8")
    return folder


def test_the_profiles_that_ship_are_there() -> None:
    names = {profile.name for profile in _PROFILES}
    assert {"generic-cpu", "vulkan-igpu", "vulkan-gpu", "nvidia", "apple-silicon"} <= names
    assert {"raspberry-pi-5", "intel-n-series", "strix-halo", "nvidia-gb10"} <= names
    assert {"mac-mini-m4", "mac-mini-m4-pro"} <= names
    assert len(names) >= 24


def test_every_profile_recommends_models_and_has_both_titles() -> None:
    for each in _PROFILES:
        assert each.models, each.name
        assert each.title, each.name
        assert each.title_fr, each.name


def test_every_recommended_model_is_in_the_catalogue() -> None:
    file = _FOLDER.parent / "daemon" / "atre" / "models" / "catalogue.toml"
    if not file.exists():
        pytest.skip("this checkout has no model catalogue")
    known = {model["id"] for model in tomllib.loads(file.read_text("utf-8"))["models"]}
    for each in _PROFILES:
        assert set(each.models) <= known, each.name


def test_the_readme_explains_the_keys_of_the_schema_and_no_others() -> None:
    parts = re.split(r"^#+ ", (_FOLDER / "README.md").read_text("utf-8"), flags=re.MULTILINE)
    explained = {
        part.split()[0].strip("`:"): re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        for part in parts
        if part.strip()
    }
    for section, shape in (
        ("[match]", MatchRules),
        ("[run]", RunSettings),
        ("[[figures]]", Figure),
    ):
        fields = [field.name for field in msgspec.structs.fields(shape)]
        assert sorted(explained[section]) == sorted(fields), section
    assert explained["Keys"] == ["title", "title_fr", "models"]


def test_a_figure_needs_its_source_and_date(tmp_path: Path) -> None:
    figure = '\n[[figures]]\nwhat = "speed"\nvalue = 9.0\nunit = "tokens/s"\n'
    with pytest.raises(ConfigError, match=r"box\.toml: \[figures\] source is missing"):
        load_profiles(write(tmp_path, _GENERIC + figure))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("2025-02-04", "2025-02-30", r"\[figures\] date 2025-02-30: day is out of range"),
        ("2025-02-04", "4 Feb 2025", r"\[figures\] date: Expected `str` matching"),
        ("https://", "http://", r"\[figures\] source: Expected `str` matching"),
        ("value = 9.0", "value = 0", r"\[figures\] value: Expected `float` > 0"),
        ("value = 9.0", 'value = "9"', r"\[figures\] value: Expected `float`, got `str`"),
        ("tokens/s", "kWh", r"\[figures\] unit: Invalid enum value 'kWh'"),
        ('what = "speed"', 'what = ""', r"\[figures\] what: Expected `str` of length >= 1"),
    ],
)
def test_a_wrong_figure_is_refused_by_its_key(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    figure = (
        '\n[[figures]]\nwhat = "speed"\nvalue = 9.0\nunit = "tokens/s"\n'
        'source = "https://example.org"\ndate = "2025-02-04"\n'
    )
    assert load_profiles(write(tmp_path, _GENERIC + figure))[0].figures[0].value == 9.0
    with pytest.raises(ConfigError, match=rf"box\.toml: {message}"):
        load_profiles(write(tmp_path, _GENERIC + figure.replace(before, after)))


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
        ("[run]", '[match]\ngfx = ["1151"]\n[run]', r"\[match\] gfx: Expected `str`"),
        (
            "[run]",
            '[match]\ngfx = ["gfx1151"]\npci_vendors = ["8086"]\n[run]',
            r"\[match\] gfx is of AMD, but pci_vendors does not have 1002",
        ),
        (
            "[run]",
            '[match]\ncpu_flags = ["avx3"]\n[run]',
            r"\[match\] cpu_flags: avx3 is never looked for; amx_int8, amx_tile",
        ),
        (
            "[run]",
            '[match]\nos = "macos"\npci_ids = ["106b:0001"]\n[run]',
            r"\[match\] pci_ids cannot be known where os is macos",
        ),
        ("[run]", 'models = "qwen3-4b"\n[run]', r"\[top level\] models: Expected `array`"),
        ("[run]", 'models = ["Qwen 3"]\n[run]', r"\[top level\] models: Expected `str` matching"),
        ("[run]", 'models = ["a-1", "b-1", "a-1"]\n[run]', r"models names the same model twice"),
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


def test_a_gpu_wanted_where_none_is_asked_for_is_a_contradiction(tmp_path: Path) -> None:
    text = _GENERIC.replace("[run]", '[match]\ndevice_types = ["cpu"]\n[run]')
    assert load_profiles(write(tmp_path, text))
    with pytest.raises(ConfigError, match=r"\[run\] layers_on_gpu wants a GPU, but device_types"):
        load_profiles(write(tmp_path, text.replace('layers_on_gpu = "none"', "layers_on_gpu = 8")))


def test_two_files_for_the_same_machines_are_refused(tmp_path: Path) -> None:
    write(tmp_path, _GENERIC)
    (tmp_path / "twin.toml").write_text(_GENERIC, "utf-8")
    with pytest.raises(ConfigError, match=r"twin\.toml: \[match\] has the same rules as box\.toml"):
        load_profiles(tmp_path)


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "box.toml").write_bytes(b"title = \xff")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load_profiles(tmp_path)


def test_a_folder_without_profiles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no hardware profiles"):
        load_profiles(tmp_path / "none")
