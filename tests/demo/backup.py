# SPDX-License-Identifier: Apache-2.0
"""``make demo-backup``: three people and 300 messages survive the loss of their box.

A box is filled, backed up with the real restic to a disk of its own (a loop device, or a plain
folder where those are not allowed), proven by a drill, and destroyed. A new one is restored from
the recovery sheet; its people log in with their passwords and see their messages.
"""

import contextlib
import hashlib
import http.client
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlencode

import click
from tests.integration.running_box import RunningBox

from atre_web.accounts import passwords, people
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.migrations import migrate
from atre_web.accounts.principal import Role
from atre_web.chat import conversations, messages, words
from atre_web.chat.message import Message

PEOPLE = {
    "anne": "quatre mots à la suite",
    "benoit": "cinq chevaux bleus au pré",
    "chloe": "neuf tasses vertes",
}
NUM_MESSAGES = 300
_LENGTH = 10
_DISK_BYTES = 256 * 2**20
_TIMEOUT_S = 60


def main() -> None:
    """Run it all; ends with status 1 and the reason if anything is not as it was."""
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="atre-demo-") as directory:
        root = Path(directory)
        with _disk(root) as (disk, medium):
            _show(root, disk)
    seconds = round(time.monotonic() - began_s)
    click.echo(f"demo-backup: everything came back, in {seconds} s. The disk was {medium}.")


def _show(root: Path, disk: Path) -> None:
    lost = root / "lost" / "data"
    before = _fill(lost)
    click.echo(f"filled: {len(PEOPLE)} people, {NUM_MESSAGES} messages in {len(before)} threads")
    _atre(lost, "targets", "add-folder", str(disk), "--label", "demo")
    key = json.loads(_atre(lost, "sheet", "--json"))["key"]
    _atre(lost, "sheet", "--confirm", typed=f"{key.lower()}\n")
    click.echo(_atre(lost, "create").strip())
    click.echo(_atre(lost, "drill").strip())
    shutil.rmtree(lost)
    click.echo("destroyed: the data directory of that box")
    box = RunningBox(root / "new")
    key_file = root / "key.txt"
    key_file.write_text(key, "utf-8")
    restore = ("restore", "--from", str(disk), "--key-file", str(key_file), "--yes")
    click.echo(_atre(box.data_dir, *restore).strip())
    box.start()
    try:
        for login, password in PEOPLE.items():
            _check(_Visitor(box.port, login, password).conversations(), before, login)
        click.echo(_atre(box.data_dir, "confirm").strip())
    finally:
        box.clean_up()
    click.echo("restored: the same people, the same passwords, the same messages")


def _fill(data_dir: Path) -> dict[str, tuple[str, str]]:
    """Each conversation's id: whose it is, and a digest of its messages."""
    data_dir.mkdir(parents=True)
    now, kept = time.time(), {}
    with closing(connect(data_dir / "atre.db")) as connection:
        migrate(connection)
        with transaction(connection):
            for login, password in PEOPLE.items():
                role: Role = "manager" if login == "anne" else "member"
                hashed = passwords.hashed(password)
                people.create(connection, login.title(), login, role, password=hashed, now=now)
            connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (now,))
            everybody = [each for each in people.list_people(connection) if each.login in PEOPLE]
            for number in range(NUM_MESSAGES // _LENGTH):
                person = everybody[number % len(everybody)]
                thread = _converse(connection, person.id, number, now)
                kept[thread[0]] = (person.login or "", thread[1])
    return kept


def _converse(
    connection: sqlite3.Connection, person_id: str, number: int, now: float
) -> tuple[str, str]:
    title = f"Courrier {number}"
    conversation = conversations.create(connection, person_id, title, now=now)
    parent, texts = None, []
    for turn in range(_LENGTH // 2):
        question = f"Question {turn} du courrier {number} : où en est le devis n° {number * 7} ?"
        answer = f"Réponse {turn} : le devis {number * 7} est à l’étude, retour sous {turn} jours."
        asked = messages.add_question(
            connection, conversation, parent, question, [],
            indexed=words.indexed(question), now=now,
        )  # fmt: skip
        parent = messages.add_answer(connection, conversation, asked, now=now, beat=0)
        done = Message(
            id=parent, parent_id=asked, role="assistant", state="done", text=answer, created_at=now
        )
        messages.finish_within(connection, done, words.indexed(answer))
        texts += [question, answer]
    return conversation, _digest(texts)


def _check(found: dict[str, str], before: dict[str, tuple[str, str]], login: str) -> None:
    expected = {thread: digest for thread, (owner, digest) in before.items() if owner == login}
    if found != expected:
        raise click.ClickException(f"{login} does not see the messages that were stored.")


class _Visitor:
    """A person who logs in with a browser, and reads what was said."""

    def __init__(self, port: int, login: str, password: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
        self._headers = {"Origin": f"http://127.0.0.1:{port}"}
        form = urlencode({"login": login, "password": password})
        headers = self._headers | {"Content-Type": "application/x-www-form-urlencoded"}
        self._connection.request("POST", "/login", form, headers)
        answer = self._connection.getresponse()
        answer.read()
        cookies = answer.headers.get_all("Set-Cookie") or []
        own = [each.partition(";")[0] for each in cookies if each.startswith("atre=")]
        if answer.status != http.client.SEE_OTHER or not own:
            raise click.ClickException(f"{login} cannot log in: {answer.status}")
        self._headers["Cookie"] = own[-1]

    def conversations(self) -> dict[str, str]:
        """Each conversation's id, and the digest of its messages."""
        listed = self._read("/api/panel/conversations")
        return {each["id"]: self._thread(each["id"]) for each in listed["data"]}

    def _thread(self, conversation: str) -> str:
        found = self._read(f"/api/panel/conversations/{conversation}?all=1")
        return _digest([each["text"] for each in found["messages"]])

    def _read(self, path: str) -> dict[str, list[dict[str, str]]]:
        self._connection.request("GET", path, headers=self._headers)
        found: dict[str, list[dict[str, str]]] = json.loads(self._connection.getresponse().read())
        return found


def _digest(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _atre(data_dir: Path, verb: str, *arguments: str, typed: str = "") -> str:
    command = Path(sys.executable).with_name("atre")
    done = subprocess.run(
        [str(command), "backup", verb, *arguments, "--data-dir", str(data_dir), "--lang", "en"],
        input=typed, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise click.ClickException(f"atre backup {verb}: {done.stderr.strip()}")
    return done.stdout


@contextlib.contextmanager
def _disk(root: Path) -> Iterator[tuple[Path, str]]:
    """Where backups go, and what that is, in words."""
    mount, image = root / "disk", root / "disk.img"
    mount.mkdir()
    with image.open("wb") as file:
        file.truncate(_DISK_BYTES)
    why = _failure("mkfs.ext4", "-q", "-F", str(image)) or _failure(
        "mount", "-o", "loop", str(image), str(mount)
    )
    if why:
        yield mount, f"a plain folder, since a loop device is not allowed here ({why})"
        return
    try:
        yield mount, "an ext4 image on a loop device"
    finally:
        subprocess.run(["umount", str(mount)], check=False)


def _failure(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    return (done.stderr.strip().splitlines() or ["it failed"])[-1] if done.returncode else ""


if __name__ == "__main__":
    main()
