# SPDX-License-Identifier: Apache-2.0
"""Versions of the program side by side, one of them current, and the way back.

    versions/1.2.0/venv   a version; never changed once it is there
    current, previous     links to two of them; ``current`` is what launchd starts
    trial.json            there is one while ``current`` has not answered yet

Only the standard library: this must run whatever a new version brings.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

JOB = "system/local.atre.box"
_CURRENT, _PREVIOUS, _TRIAL, _COPY = "current", "previous", "trial.json", "before-update.db"
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+-]{0,63}")
# A large model is loaded from a slow disk meanwhile.
_DEADLINE_S = 600.0
_POLL_S = 2.0
_ASK_S = 120.0


class SlotError(Exception):
    """What was asked for cannot be done; the message says why."""


def current(root: Path) -> str | None:
    """The version that launchd starts."""
    return _linked(root / _CURRENT)


def previous(root: Path) -> str | None:
    """The version to go back to."""
    return _linked(root / _PREVIOUS)


def on_trial(root: Path) -> str | None:
    """The version that has not answered yet."""
    try:
        version = json.loads((root / _TRIAL).read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def begin(root: Path, version: str) -> None:
    """Make a version current, on trial. The box must not run. Raises SlotError.

    Cut at any moment, what launchd starts is the old version or the new one, and a new one is on
    trial.
    """
    _check(root, version)
    old = current(root)
    if old == version:
        raise SlotError(f"{version} is current already")
    if on_trial(root) is not None and old == on_trial(root):
        raise SlotError(f"{old} has not answered yet; wait for it, or go back")
    _copy_database(root)
    if old is not None:
        _link(root / _PREVIOUS, old)
    _write(root / _TRIAL, json.dumps({"version": version}))
    _link(root / _CURRENT, version)


def confirm(root: Path) -> None:
    """Keep the current version, and the one before it; others go."""
    _forget_trial(root)
    kept = {current(root), previous(root)}
    for folder in sorted((root / "versions").iterdir()):
        if folder.name not in kept:
            shutil.rmtree(folder)


def go_back(root: Path, why: str) -> str:
    """Make the version before current again, with its database. The box must not run.

    Returns that version. Raises SlotError if there is none.
    """
    old, bad = previous(root), current(root)
    if old is None:
        raise SlotError("there is no version to go back to")
    _check(root, old)
    _restore_database(root)
    _link(root / _CURRENT, old)
    (root / _PREVIOUS).unlink(missing_ok=True)
    _forget_trial(root)
    _write(root / "went-back.json", json.dumps({"from": bad, "to": old, "why": why}))
    return old


def guard(
    root: Path,
    is_well: Callable[[], bool],
    restart: Callable[[], None],
    stop: Callable[[], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
    deadline_s: float = _DEADLINE_S,
) -> str:
    """Wait until the version on trial has answered, and keep it; else go back. Says which."""
    version = on_trial(root)
    if version is None or version != current(root):
        # A power cut came between the two links of a change, or there is nothing to watch.
        _forget_trial(root)
        return "nothing is on trial"
    end_s = clock() + deadline_s
    while not is_well():
        if clock() >= end_s:
            stop()
            old = go_back(root, f"{version} did not answer within {deadline_s:g} s")
            restart()
            return f"went back to {old}"
        wait(_POLL_S)
    confirm(root)
    return f"{version} answers and is kept"


def answers(ready_file: Path) -> bool:
    """Whether the box is ready, and its model gives one real token."""
    try:
        ready = json.loads(ready_file.read_text())
        body = {
            "model": ready["model"],
            "messages": [{"role": "user", "content": "1"}],
            "max_tokens": 1,
        }
        request = urllib.request.Request(  # noqa: S310 -- the box's own address
            f"{ready['api_base']}/chat/completions",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {ready['api_key']}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=_ASK_S) as reply:  # noqa: S310
            told = json.load(reply)
        return int(told["usage"]["completion_tokens"]) >= 1
    except (OSError, ValueError, KeyError, TypeError, urllib.error.URLError):
        return False


def _forget_trial(root: Path) -> None:
    # The copy is of accounts before a trial: later it would take away what people did since.
    (root / _COPY).unlink(missing_ok=True)
    (root / _TRIAL).unlink(missing_ok=True)


def _check(root: Path, version: str) -> None:
    if not _VERSION.fullmatch(version):
        raise SlotError(f"{version!r} is no version")
    if not os.access(root / "versions" / version / "venv" / "bin" / "atre", os.X_OK):
        raise SlotError(f"versions/{version} is not there, or not whole")


def _copy_database(root: Path) -> None:
    """Keep the accounts as the old version knows them: the new one may change their tables."""
    source = root / "data" / "atre.db"
    copy = root / _COPY
    copy.unlink(missing_ok=True)
    if source.exists():
        unfinished = root / f".{_COPY}"
        unfinished.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(source)) as here,
            closing(sqlite3.connect(unfinished)) as there,
        ):
            here.backup(there)
        _sync(unfinished)
        unfinished.replace(copy)


def _restore_database(root: Path) -> None:
    """Give the old version its tables back, if the new one changed them; else all stays."""
    copy, place = root / _COPY, root / "data" / "atre.db"
    if not copy.exists() or _shape(copy) == _shape(place):
        return
    owner = place.stat()
    with closing(sqlite3.connect(copy)) as here, closing(sqlite3.connect(place)) as there:
        here.backup(there)
    with contextlib.suppress(PermissionError):
        os.chown(place, owner.st_uid, owner.st_gid)


def _shape(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _linked(link: Path) -> str | None:
    try:
        return link.readlink().name
    except OSError:
        return None


def _link(link: Path, version: str) -> None:
    """Point a link elsewhere in one step."""
    new = link.with_name(f".{link.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(Path("versions") / version)
    new.replace(link)
    _sync(link.parent)


def _write(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(f"{text}\n")
    _sync(new)
    new.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _launchctl(*arguments: str) -> None:
    subprocess.run(["/bin/launchctl", *arguments], check=False)


def _plist() -> str:
    return "/Library/LaunchDaemons/local.atre.box.plist"


def _start() -> None:
    _launchctl("bootstrap", "system", _plist())


def _stop() -> None:
    _launchctl("bootout", JOB)


def main() -> None:
    """``use VERSION``, ``back``, ``guard`` and ``status``."""
    parser = argparse.ArgumentParser(prog="slots")
    parser.add_argument("--root", type=Path, required=True)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("use", help="start a version and keep it once it answers").add_argument(
        "version"
    )
    for verb, words in (
        ("back", "go back to the version before"),
        ("guard", "wait for a version on trial"),
        ("status", "say what is current"),
    ):
        verbs.add_parser(verb, help=words)
    asked = parser.parse_args()
    try:
        _act(asked)
    except SlotError as error:
        sys.exit(f"slots: {error}.")


def _act(asked: argparse.Namespace) -> None:
    root: Path = asked.root
    ready_file = root / "run" / "ready.json"

    def watch() -> str:
        return guard(root, lambda: answers(ready_file), _start, _stop)

    if asked.verb == "use":
        _check(root, asked.version)
        _stop()
        try:
            begin(root, asked.version)
            ready_file.unlink(missing_ok=True)
        finally:
            _start()
        print(watch())
    elif asked.verb == "back":
        _stop()
        try:
            print(go_back(root, "somebody asked for it"))
        finally:
            _start()
    elif asked.verb == "guard":
        print(watch())
    else:
        print(
            json.dumps(
                {"current": current(root), "previous": previous(root), "trial": on_trial(root)}
            )
        )


if __name__ == "__main__":
    main()
