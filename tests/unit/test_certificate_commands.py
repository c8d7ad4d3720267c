# SPDX-License-Identifier: Apache-2.0
"""`atre certificate` as it is typed, to a daemon that answers on its socket."""

import json
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest

from atre.atred.management import ManagementDaemon
from atre.cli import main as atre
from atre.config import Config


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return tmp_path


@pytest.fixture
def daemon(data_dir: Path) -> Iterator[ManagementDaemon]:
    """``atred`` of a box on the LAN, whose discovery is not started: no packet leaves."""
    config = Config(
        data_dir=data_dir, runtime_dir=data_dir / "run", profiles_dir=data_dir, lan=True
    )
    for directory in (config.runtime_dir, config.state_dir):
        directory.mkdir()
    made = ManagementDaemon(config)
    made.certificate.renew()
    made._server.start()
    yield made
    made.close()


def run(data_dir: Path, *arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(
        atre, ["certificate", *arguments, "--data-dir", str(data_dir)]
    )


def test_show_prints_what_to_compare(data_dir: Path, daemon: ManagementDaemon) -> None:
    sha256 = daemon.describe().authority_sha256
    assert sha256
    shown = run(data_dir, "show")
    assert shown.exit_code == 0, shown.output
    assert sha256.upper() in shown.stdout.replace(" ", "").replace("\n", "")
    told = json.loads(run(data_dir, "show", "--json").stdout)
    assert told["authority_sha256"] == sha256
    assert told["source"] == "own"


def test_the_boxs_own_pair_can_be_imported_and_reset(
    data_dir: Path, daemon: ManagementDaemon
) -> None:
    tls = data_dir / "tls"
    done = run(data_dir, "import", str(tls / "leaf.crt"), str(tls / "leaf.key"))
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Imported")
    assert daemon.describe().certificate_source == "imported"
    assert run(data_dir, "reset").stdout.startswith("The box's own")
    before = daemon.describe().authority_sha256
    assert run(data_dir, "reset", "--authority").exit_code == 0
    assert daemon.describe().authority_sha256 != before


def test_what_cannot_be_used_is_one_line(data_dir: Path, daemon: ManagementDaemon) -> None:
    assert daemon
    nothing = data_dir / "nothing.pem"
    assert "cannot be read" in run(data_dir, "import", str(nothing), str(nothing)).output
    nothing.write_bytes(b"")
    refused = run(data_dir, "import", str(nothing), str(nothing))
    assert refused.exit_code == 1
    assert "no private key" in refused.output


def test_without_a_running_box_it_says_how_to_start_one(data_dir: Path) -> None:
    refused = run(data_dir, "show")
    assert refused.exit_code == 1
    assert "atre serve --lan" in refused.output
