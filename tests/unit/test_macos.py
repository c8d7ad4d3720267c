# SPDX-License-Identifier: Apache-2.0
"""What Linux can check of the Mac's files; image-build/macos/README.md says what it cannot."""

import importlib.util
import io
import json
import plistlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from atre.cli import main as atre

_MACOS = Path(__file__).resolve().parents[2] / "image-build" / "macos"
_SCRIPTS = sorted([*(_MACOS / "scripts").iterdir(), _MACOS / "bin" / "slots"])
_ROOT = "/Library/Application Support/Atre"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


slots: Any = load(_MACOS / "bin" / "slots.py")
build: Any = load(_MACOS / "build.py")


def job(name: str) -> dict[str, Any]:
    content = (_MACOS / "launchd" / f"local.atre.{name}.plist").read_bytes()
    parsed: dict[str, Any] = plistlib.loads(content)
    return parsed


# launchd's jobs


def test_the_box_is_started_with_a_command_that_exists_by_a_user_of_its_own() -> None:
    box = job("box")
    program, verb, *arguments = box["ProgramArguments"]
    assert program == f"{_ROOT}/current/venv/bin/atre"
    options = {option for each in atre.commands[verb].params for option in each.opts}
    assert {each for each in arguments if each.startswith("--")} <= options
    assert (box["UserName"], box["GroupName"]) == ("_atre", "_atre")
    assert box["RunAtLoad"] is box["KeepAlive"] is True
    assert box["Umask"] == 0o77
    assert box["ProcessType"] == "Interactive"


@pytest.mark.parametrize("name", ["box", "guard"])
def test_a_job_names_only_folders_that_the_scripts_make(name: str) -> None:
    found = job(name)
    assert found["Label"] == f"local.atre.{name}"
    text = json.dumps(found)
    paths = re.findall(r'"(/Library/[^"]+)"', text)
    for path in paths:
        assert path.startswith((f"{_ROOT}/current/", f"{_ROOT}/bin/slots", f"{_ROOT}/data",
                                f"{_ROOT}/run/", "/Library/Logs/Atre/")), path  # fmt: skip
    install = (_MACOS / "scripts" / "install").read_text()
    assert "for job in local.atre.box local.atre.guard" in install
    assert 'mkdir -p "$root/data" "$root/run" "$logs"' in install


def test_the_ready_file_of_the_job_is_the_one_that_slots_reads() -> None:
    arguments = job("box")["ProgramArguments"]
    asked = arguments[arguments.index("--ready-file") + 1]
    assert asked == f"{_ROOT}/run/ready.json"
    assert 'root / "run" / "ready.json"' in (_MACOS / "bin" / "slots.py").read_text()


# Scripts


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda path: path.name)
def test_a_script_passes_shellcheck(script: Path) -> None:
    done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(sys.platform == "darwin", reason="they would do something here")
@pytest.mark.parametrize("name", ["install", "uninstall", "finish"])
def test_a_script_for_the_mac_does_nothing_elsewhere(name: str, tmp_path: Path) -> None:
    shutil.copytree(_MACOS / "scripts", tmp_path / "scripts")
    (tmp_path / "scripts" / "scripts").mkdir()
    (tmp_path / "scripts" / "scripts" / "version").write_text("1\n")
    done = subprocess.run(
        [str(tmp_path / "scripts" / name)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "this is no Mac" in done.stderr


def test_uninstall_removes_everything_that_the_jobs_and_slots_make() -> None:
    text = (_MACOS / "scripts" / "uninstall").read_text()
    for name in ("versions", "bin", "run", "current", "previous", "trial.json", "went-back.json",
                 "before-update.db"):  # fmt: skip
        assert re.search(rf'/{re.escape(name)}"', text), name


def test_install_sets_what_the_doctor_asks_for() -> None:
    text = (_MACOS / "scripts" / "install").read_text()
    (line,) = re.findall(r"^pmset -a (.*)$", text, flags=re.MULTILINE)
    words = line.split()
    from atre.hardware.pmset import judged  # noqa: PLC0415

    asleep = {"sleep": 1, "disksleep": 1, "autorestart": 0, "womp": 0}
    wanted = [each.remedy.text.rpartition("-a ")[2] for each in judged(asleep)]
    assert wanted == [f"{a} {b}" for a, b in zip(words[::2], words[1::2], strict=True)]


# The archive


def test_the_archive_holds_what_finish_needs_and_is_the_same_each_time(tmp_path: Path) -> None:
    wheel = tmp_path / "atre-1.2.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    packed = []
    for name in ("a", "b"):
        assert build.lay_out(wheel, tmp_path / name) == "1.2.0"
        packed.append(build.pack(tmp_path / name, "atre-macos-1.2.0"))
    assert packed[0] == packed[1]
    with tarfile.open(fileobj=io.BytesIO(packed[0])) as tar:
        modes = {each.name.partition("/")[2]: each.mode for each in tar if each.isfile()}
    for name in ("finish", "uninstall", "scripts/postinstall", f"root{_ROOT}/bin/slots"):
        assert modes[name] == 0o755, name
    for name in ("scripts/version", "distribution.xml", "constraints.txt",
                 "scripts/local.atre.box.plist", "scripts/local.atre.guard.plist",
                 f"root{_ROOT}/bin/slots.py", "wheel/atre-1.2.0-py3-none-any.whl"):  # fmt: skip
        assert modes[name] == 0o644, name
    told = ET.fromstring((tmp_path / "a" / "distribution.xml").read_text())  # noqa: S314 -- ours
    (package,) = [each for each in told.iter("pkg-ref") if each.text]
    assert (package.attrib["version"], package.text) == ("1.2.0", "atre-component.pkg")
    assert f'{package.text}"' in (_MACOS / "scripts" / "finish").read_text()


def test_what_is_no_wheel_of_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no wheel of Âtre"):
        build.lay_out(tmp_path / "other-1.0-py3-none-any.whl", tmp_path)


# Versions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A Mac with two versions, the first of which runs, and accounts of the first."""
    for version in ("1.0", "2.0"):
        program = tmp_path / "versions" / version / "venv" / "bin" / "atre"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    (tmp_path / "current").symlink_to("versions/1.0")
    (tmp_path / "data").mkdir()
    write_accounts(tmp_path, shape=5, name="old")
    return tmp_path


def write_accounts(root: Path, *, shape: int, name: str) -> None:
    with closing(sqlite3.connect(root / "data" / "atre.db")) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS people (name)")
        connection.execute("INSERT INTO people VALUES (?)", (name,))
        connection.execute(f"PRAGMA user_version = {shape}")


def accounts(root: Path) -> tuple[int, list[str]]:
    with closing(sqlite3.connect(root / "data" / "atre.db")) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM people")]
        return connection.execute("PRAGMA user_version").fetchone()[0], names


def watch(root: Path, *, is_well: bool) -> tuple[str, list[str]]:
    done: list[str] = []
    clock = iter(range(10_000))
    told = slots.guard(
        root,
        lambda: is_well,
        lambda: done.append("start"),
        lambda: done.append("stop"),
        clock=lambda: next(clock),
        wait=lambda _s: None,
    )
    return told, done


def test_a_version_that_answers_is_kept_and_older_ones_go(root: Path) -> None:
    shutil.copytree(root / "versions" / "1.0", root / "versions" / "0.9")
    slots.begin(root, "2.0")
    assert (slots.current(root), slots.previous(root), slots.on_trial(root)) == (
        "2.0",
        "1.0",
        "2.0",
    )
    assert watch(root, is_well=True) == ("2.0 answers and is kept", [])
    assert slots.on_trial(root) is None
    assert sorted(path.name for path in (root / "versions").iterdir()) == ["1.0", "2.0"]
    assert watch(root, is_well=False) == ("nothing is on trial", [])


def test_a_version_that_does_not_answer_goes_with_what_it_did_to_the_accounts(root: Path) -> None:
    slots.begin(root, "2.0")
    write_accounts(root, shape=6, name="new")
    assert watch(root, is_well=False) == ("went back to 1.0", ["stop", "start"])
    assert (slots.current(root), slots.previous(root), slots.on_trial(root)) == ("1.0", None, None)
    assert accounts(root) == (5, ["old"])
    assert "did not answer within 600 s" in (root / "went-back.json").read_text()


def test_accounts_that_the_old_version_can_read_stay(root: Path) -> None:
    slots.begin(root, "2.0")
    write_accounts(root, shape=5, name="new")
    watch(root, is_well=False)
    assert accounts(root) == (5, ["old", "new"])


def test_a_version_that_was_kept_keeps_the_accounts_when_somebody_goes_back(root: Path) -> None:
    slots.begin(root, "2.0")
    watch(root, is_well=True)
    write_accounts(root, shape=5, name="new")
    assert slots.go_back(root, "asked") == "1.0"
    assert accounts(root) == (5, ["old", "new"])
    with pytest.raises(slots.SlotError, match="no version to go back to"):
        slots.go_back(root, "again")


@pytest.mark.parametrize("version", ["3.0", "../up", "", "1.0"])
def test_a_version_that_cannot_be_used_changes_nothing(root: Path, version: str) -> None:
    with pytest.raises(slots.SlotError):
        slots.begin(root, version)
    assert (slots.current(root), slots.on_trial(root)) == ("1.0", None)


def test_no_version_is_tried_while_another_one_is(root: Path) -> None:
    slots.begin(root, "2.0")
    with pytest.raises(slots.SlotError, match="has not answered yet"):
        slots.begin(root, "1.0")


class CutError(Exception):
    """The power goes."""


def power_for(num_renames: int) -> Callable[[Path, Path], Path]:
    """A rename that works so often."""
    replace, left = Path.replace, [num_renames]

    def rename(path: Path, target: Path) -> Path:
        if not left[0]:
            raise CutError
        left[0] -= 1
        return replace(path, target)

    return rename


@pytest.mark.parametrize("is_well", [True, False])
def test_wherever_a_change_is_cut_a_version_is_there_and_the_guard_ends_it(
    *,
    root: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    is_well: bool,
) -> None:
    num_steps = 0
    while True:
        copy = tmp_path_factory.mktemp("cut") / "root"
        shutil.copytree(root, copy, symlinks=True)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", power_for(num_steps))
            try:
                slots.begin(copy, "2.0")
                is_cut = False
            except CutError:
                is_cut = True
        assert slots.current(copy) in {"1.0", "2.0"}
        assert slots.current(copy) == "1.0" or slots.on_trial(copy) == "2.0"
        watch(copy, is_well=is_well)
        assert slots.on_trial(copy) is None
        assert not (copy / "before-update.db").exists()
        assert (copy / "current" / "venv" / "bin" / "atre").exists()
        assert accounts(copy) == (5, ["old"])
        if not is_cut:
            assert slots.current(copy) == ("2.0" if is_well else "1.0")
            break
        num_steps += 1
    assert num_steps == 4  # the copy, two links, the trial


class _Api(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        is_right = self.headers["Authorization"] == "Bearer key"
        told = json.dumps({"usage": {"completion_tokens": 1 if is_right else 0}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_arguments: object) -> None:
        return


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Api) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_only_a_real_token_is_an_answer(tmp_path: Path, api: str) -> None:
    ready = tmp_path / "ready.json"
    assert not slots.answers(ready)
    for content, is_well in (
        ({"model": "m", "api_base": api, "api_key": "key"}, True),
        ({"model": "m", "api_base": api, "api_key": "old key"}, False),
        ({"model": "m", "api_base": "http://127.0.0.1:1/v1", "api_key": "key"}, False),
        ({}, False),
        ([], False),
    ):
        ready.write_text(json.dumps(content))
        assert slots.answers(ready) is is_well, content


def test_the_command_tells_its_state_with_an_ordinary_python(root: Path) -> None:
    shutil.copytree(_MACOS / "bin", root / "bin")
    python = root / "versions" / "1.0" / "venv" / "bin" / "python"
    python.symlink_to(sys.executable)
    done = subprocess.run(
        [str(root / "bin" / "slots"), "status"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"current": "1.0", "previous": None, "trial": None}
