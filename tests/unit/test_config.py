# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from atre.config import Config, default_runtime_dir, load, save
from atre.errors import ConfigError


def config(**changes: object) -> Config:
    base = {"data_dir": Path("/d"), "runtime_dir": Path("/r"), "profiles_dir": Path("/p")}
    return Config(**(base | changes))  # type: ignore[arg-type]


def test_what_is_saved_is_loaded_unchanged(tmp_path: Path) -> None:
    saved = config(
        lan=True, model="some/model.gguf", queue_limit=3, http_port=80, aliases=("ia.example",)
    )
    save(saved, tmp_path / "c.json")
    assert load(tmp_path / "c.json") == saved


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "truncated"),
        ("{", "truncated"),
        ("[]", "object"),
        ('{"data_dir": "/d"}', "runtime_dir"),
        ('{"data_dir": 1, "runtime_dir": "/r", "profiles_dir": "/p"}', "data_dir"),
        ('{"data_dir": "/d", "runtime_dir": "/r", "profiles_dir": "/p", "prot": 1}', "prot"),
        ('{"data_dir": "/d", "runtime_dir": "/r", "profiles_dir": "/p", "port": 0}', "port"),
        ('{"data_dir": "\udcff"}', "utf-8"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_file_and_field(
    tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert "c.json" in str(caught.value) or "port" in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"port": 0},
        {"lan_port": 70000},
        {"lan": True, "port": 8443},
        {"queue_limit": 0},
        {"http_port": 8080},
        {"lan": True, "http_port": 0},
        {"lan": True, "http_port": 8443},
        {"lan": True, "plain_http_api": True},
        {"aliases": ("ia bureau",)},
        {"aliases": ("10.0.0.1",)},
    ],
)
def test_contradictions_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        config(**changes)


def test_sockets_move_when_the_path_would_be_too_long() -> None:
    assert default_runtime_dir(Path("/short")) == Path("/short/run")
    long = Path("/" + "x" * 90)
    assert len(str(default_runtime_dir(long))) < 80
    assert default_runtime_dir(long) != default_runtime_dir(Path("/" + "y" * 90))
