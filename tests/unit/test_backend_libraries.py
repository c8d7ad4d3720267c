# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.backend_libraries import HIDEABLE, hiding, load_backends

_PARTS = ("libggml-cpu-haswell.so", "libggml-cpu-x64.so", "libggml-vulkan.so", "libggml-cuda.so")


class FakeLibrary:
    """libggml: parts that are built in, and what it finds where it is told to look."""

    def __init__(self, num_built_in: int = 0) -> None:
        self.found: list[set[Path]] = []

        def count() -> int:
            return num_built_in

        def load(folder: bytes) -> None:
            names = Path(folder.decode()).glob("*")
            self.found.append({path.resolve() for path in names})

        self.ggml_backend_reg_count = count
        self.ggml_backend_load_all_from_path = load


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in hiding(HIDEABLE):
        monkeypatch.delenv(variable, raising=False)
    for name in (*_PARTS, "libggml.so", "libggml-vulkan.so.0"):
        (tmp_path / name).touch()
    return tmp_path.resolve()


def test_a_portable_build_is_shown_everything(folder: Path) -> None:
    library = FakeLibrary()
    load_backends(library, folder)
    assert library.found == [set(folder.iterdir())]


def test_what_is_hidden_is_not_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in hiding(["Vulkan"]).items():
        monkeypatch.setenv(variable, value)
    library = FakeLibrary()
    load_backends(library, folder)
    assert library.found == [{folder / name for name in _PARTS if "vulkan" not in name}]


def test_a_person_who_limits_the_cards_hides_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    library = FakeLibrary()
    load_backends(library, folder)
    assert library.found == [set(folder.iterdir())]


def test_a_build_with_everything_inside_is_left_alone(folder: Path) -> None:
    library = FakeLibrary(num_built_in=1)
    load_backends(library, folder)
    assert library.found == []
