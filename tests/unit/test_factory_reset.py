# SPDX-License-Identifier: Apache-2.0
import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from atre.cli import main as atre
from atre.config import Config
from atre.errors import ConfigError, ForbiddenError, InvalidRequestError
from atre.ipc.appliance_messages import FactoryReset, PresenceMeans
from atre.provision.apply import apply_files
from atre.reset import factory, order, presence
from atre.reset.presence import Uptime
from atre.stick import news
from atre.stick.copy import copy_asked
from atre.stick.names import COPIED, MAX_FILE_BYTES, factory_reset, lost_password
from atre.stick.read import do_asked
from atre_web.accounts import claim, passwords, settings
from atre_web.accounts.claim import Form, Taken
from atre_web.accounts.database import connect
from atre_web.accounts.door import open_door

ORDER = FactoryReset(ordered_at=1_800_000_000.0, by="Marie")
SECRET = b"what nobody may ever read again"
EARLY, LATE = Uptime(100.0, "boot-1"), Uptime(601.0, "boot-1")


_PARTS = (
    "atre.db", "atre.db-wal", "state/box-id", "secrets/key", "models/blobs/ab/model",
    "tls/ca/key.pem", "logs/atred.log", "restore/previous/atre.db", ".hidden",
)  # fmt: skip


def _fill(data_dir: Path) -> None:
    """A box's data, with something that must not stay in every part of it."""
    for name in _PARTS:
        path = data_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(SECRET)
    factory.keep_serial(data_dir, "ATRE-2611-0042")
    factory.keep_label_code(data_dir, "a hash")
    (data_dir / "lock").touch()


def _is_clean(data_dir: Path) -> bool:
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert not [path for path in files if SECRET in path.read_bytes()]
    names = {str(path.relative_to(data_dir)) for path in files}
    return names == {"lock", "factory/serial", "factory/claim-code"}


def test_a_reset_leaves_what_the_box_was_delivered_with(tmp_path: Path) -> None:
    _fill(tmp_path)
    assert not order.finish(tmp_path), "nothing was ordered"
    order.give(tmp_path, ORDER)
    assert order.read(tmp_path) == ORDER
    order.take_back(tmp_path)
    assert not order.finish(tmp_path)
    assert (tmp_path / "atre.db").exists()
    order.give(tmp_path, ORDER)
    assert order.finish(tmp_path)
    assert _is_clean(tmp_path)
    assert not order.finish(tmp_path)


class _Cut(BaseException):
    """The power fails."""


# Everything that a reset does to the disk goes through one of these.
_CALLS = ("rename", "unlink", "rmdir", "mkdir", "fsync")


def _cut_at(step: int, patch: pytest.MonkeyPatch) -> list[str]:
    """The power fails before the ``step``-th of these calls; what was called until then."""
    called: list[str] = []

    def counted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **kwargs: object) -> object:
            if len(called) == step:
                raise _Cut
            called.append(name)
            return real(*args, **kwargs)

        return call

    for name in _CALLS:
        patch.setattr(os, name, counted(name, getattr(os, name)))
    return called


def test_a_reset_that_is_cut_at_any_step_is_finished_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = 0
    for step in range(200):
        data_dir = tmp_path / str(step)
        data_dir.mkdir()
        _fill(data_dir)
        order.give(data_dir, ORDER)
        with monkeypatch.context() as patch:
            called = _cut_at(step, patch)
            try:
                order.finish(data_dir)
            except _Cut:
                cuts += 1
            else:
                assert set(called) == set(_CALLS)
                break
        # A start makes these folders before it looks, and may be cut there too.
        (data_dir / "state").mkdir(exist_ok=True)
        # Until it is finished the order stands: nothing is served of what is left.
        assert order.finish(data_dir) or not (data_dir / "atre.db").exists()
        shutil.rmtree(data_dir / "state", ignore_errors=True)
        assert _is_clean(data_dir), f"cut before call {step}"
    assert cuts > 20


def test_a_disk_that_fails_stops_the_start_and_not_the_reset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(tmp_path)
    order.give(tmp_path, ORDER)

    def failing(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", failing)
        with pytest.raises(ConfigError, match="could not be finished"):
            order.finish(tmp_path)
    assert order.finish(tmp_path)
    assert _is_clean(tmp_path)


def test_an_order_that_cannot_be_read_is_one(tmp_path: Path) -> None:
    _fill(tmp_path)
    order.give(tmp_path, ORDER)
    (tmp_path / "reset" / "order.json").write_bytes(b"\xff{")
    assert order.finish(tmp_path)
    assert _is_clean(tmp_path)


@pytest.fixture
def _quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_MEMORY_KIB", 64)
    monkeypatch.setattr(passwords, "_PASSES", 1)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path / "run", profiles_dir=tmp_path)
    config.state_dir.mkdir()
    return config


def _claim(config: Config, code: str) -> None:
    form = Form(
        code=code, name="Marie", login="marie", password="quatre mots à la suite", office=""
    )
    with closing(connect(config.database)) as connection:
        taken = claim.take(connection, form, is_on_link=True, now=1_800_000_000.0, uptime=60.0)
    assert isinstance(taken, Taken)


@pytest.mark.usefixtures("_quick_hashes")
def test_after_a_reset_the_code_on_the_label_counts_again(config: Config) -> None:
    open_door(config, run_key=False, uptime=lambda: 50.0)
    runner = CliRunner()
    made = runner.invoke(atre, ["claim", "new", "--data-dir", str(config.data_dir)])
    assert made.exit_code == 0, made.output
    code = made.output.splitlines()[0]
    with closing(connect(config.database)) as connection:
        claim.open_window(connection, uptime=50.0)
    _claim(config, code)
    order.give(config.data_dir, ORDER)
    order.finish(config.data_dir)
    config.state_dir.mkdir()
    door = open_door(config, run_key=False, uptime=lambda: 50.0)
    assert door.claim_path == "/claim"
    assert door.claim_code is None, "it stands on the label"
    _claim(config, code)
    # And it is used up again.
    with closing(connect(config.database)) as connection:
        assert claim.stored_code(connection) is None
    open_door(config, run_key=False, uptime=lambda: 50.0)
    with closing(connect(config.database)) as connection:
        assert claim.stored_code(connection) is None


@pytest.mark.usefixtures("_quick_hashes")
def test_what_was_provisioned_is_set_until_somebody_owns_the_box(config: Config) -> None:
    text = b"format = 1\n[office]\nname = 'Martin'\nlanguage = 'fr'\ntime_zone = 'Europe/Paris'"
    apply_files(config.data_dir, text, None, key_file=config.data_dir / "none")
    code = open_door(config, run_key=False, uptime=lambda: 50.0).claim_code
    assert code
    with closing(connect(config.database)) as connection:
        found, _ = settings.read(connection)
        assert (found.office_name, found.language, found.time_zone) == (
            "Martin", "fr", "Europe/Paris",
        )  # fmt: skip
    _claim(config, code)
    with closing(connect(config.database)) as connection:
        settings.put(connection, settings.OFFICE_NAME, None)
        connection.commit()
    open_door(config, run_key=False, uptime=lambda: 50.0)
    with closing(connect(config.database)) as connection:
        assert settings.get(connection, settings.OFFICE_NAME) is None


def test_the_command_wants_the_serial_number(tmp_path: Path) -> None:
    _fill(tmp_path)
    runner, where = CliRunner(), ["--data-dir", str(tmp_path), "--lang", "en"]
    wrong = runner.invoke(atre, ["reset", "--factory", *where], input="yes\n")
    assert wrong.exit_code == 1
    assert "type the serial number of this box: ATRE-2611-0042." in wrong.output
    assert order.read(tmp_path) is None
    right = runner.invoke(atre, ["reset", "--factory", *where], input="atre-2611-0042\n")
    assert right.exit_code == 0
    assert order.read(tmp_path)
    runner.invoke(atre, ["reset", "--cancel", *where])
    assert order.read(tmp_path) is None
    assert runner.invoke(atre, ["reset", *where]).exit_code == 1


def test_a_word_counts_once_for_a_quarter_of_an_hour(tmp_path: Path) -> None:
    presence.open_window(tmp_path, PresenceMeans.USB_STICK, "Tournesol 42", EARLY)
    assert b"ournesol" not in (tmp_path / "presence.json").read_bytes()
    shown = presence.state(tmp_path, EARLY, 5000.0)
    assert shown
    assert (shown.means, shown.ends_at) == (PresenceMeans.USB_STICK, 5900.0)
    with pytest.raises(ForbiddenError, match="not the word"):
        presence.use(tmp_path, "tournesol 43", EARLY)
    assert presence.use(tmp_path, " tournesol42", Uptime(999.0, "boot-1")) == "usb_stick"
    with pytest.raises(ForbiddenError):
        presence.use(tmp_path, "tournesol42", EARLY)


@pytest.mark.parametrize(
    "now", [Uptime(1000.0, "boot-1"), Uptime(120.0, "boot-2"), Uptime(50.0, "boot-1")]
)
def test_a_word_of_another_time_counts_for_nothing(tmp_path: Path, now: Uptime) -> None:
    presence.open_window(tmp_path, PresenceMeans.CONSOLE, "Tournesol 42", EARLY)
    assert presence.state(tmp_path, now, 0.0) is None
    with pytest.raises(ForbiddenError):
        presence.use(tmp_path, "Tournesol 42", now)


def test_a_word_can_be_guessed_five_times(tmp_path: Path) -> None:
    presence.open_window(tmp_path, PresenceMeans.CONSOLE, "Tournesol 42", EARLY)
    for _ in range(presence.MAX_TRIES):
        with pytest.raises(ForbiddenError):
            presence.use(tmp_path, "guess", EARLY)
    with pytest.raises(ForbiddenError):
        presence.use(tmp_path, "Tournesol 42", EARLY)


@pytest.mark.parametrize("word", ["", "court", "aaaaaaaaaaaa", "x" * 500, "é" * 7])
def test_a_word_that_others_could_guess_is_none(tmp_path: Path, word: str) -> None:
    with pytest.raises(InvalidRequestError):
        presence.open_window(tmp_path, PresenceMeans.USB_STICK, word, EARLY)


@pytest.fixture
def stick(tmp_path: Path, restarts: list[list[str]]) -> Callable[[dict[str, bytes], Uptime], str]:
    """Plugs a stick with these files in; returns what came of it, in English."""
    data_dir, place, into = tmp_path / "data", tmp_path / "stick", tmp_path / "copied"
    place.mkdir()
    into.mkdir()
    _fill(data_dir)

    def plug_in(files: dict[str, bytes], now: Uptime) -> str:
        for name, data in files.items():
            (place / name).write_bytes(data)
        copied = copy_asked(place, into)
        restarts.clear()
        said = do_asked(data_dir, into, now, restart=lambda: restarts.append(copied))
        assert not list(into.iterdir())
        assert said == (news.read(data_dir / "state", now.boot_id) if copied else None)
        return said.text if said else ""

    return plug_in


@pytest.fixture
def restarts() -> list[list[str]]:
    """How often the box was started anew since a stick was plugged in."""
    return []


SERIAL = "ATRE-2611-0042"


def test_a_stick_with_the_serial_resets_the_box(
    stick: Callable[[dict[str, bytes], Uptime], str], restarts: list[list[str]], tmp_path: Path
) -> None:
    assert "first ten minutes" in stick({factory_reset(SERIAL): b""}, LATE)
    assert order.read(tmp_path / "data") is None
    assert not restarts
    assert "erases everything" in stick({factory_reset(SERIAL): b""}, EARLY)
    assert len(restarts) == 1
    assert order.finish(tmp_path / "data")


def test_a_stick_of_another_box_does_nothing(
    stick: Callable[[dict[str, bytes], Uptime], str],
) -> None:
    assert "for another box" in stick({factory_reset("ATRE-2611-0043"): b""}, EARLY)


def test_a_stick_provisions_the_box_and_may_stay_plugged_in(
    stick: Callable[[dict[str, bytes], Uptime], str], restarts: list[list[str]], tmp_path: Path
) -> None:
    (tmp_path / "data" / "atre.db").unlink()
    files = {"atre-provision.toml": b"format = 1\n[reseller]\nid = 'grenoble-07'"}
    assert "set up as the stick says" in stick(files, LATE)
    assert len(restarts) == 1
    assert "set up as the stick says" in stick(files, LATE)
    assert not restarts
    assert "no key 'x'" in stick({"atre-provision.toml": b"format = 1\nx = 1"}, LATE)


def test_a_word_on_a_stick_counts(
    stick: Callable[[dict[str, bytes], Uptime], str], tmp_path: Path
) -> None:
    files = {lost_password(SERIAL): "\ufeffTournesol 42\r\n".encode(), "notes.txt": b"Tournesol"}
    assert "quarter of an hour" in stick(files, EARLY)
    assert presence.use(tmp_path / "data" / "state", "Tournesol 42", EARLY) == "usb_stick"
    assert "ten minutes" in stick({}, LATE)


def test_only_plain_files_of_known_names_are_copied(tmp_path: Path) -> None:
    place, into = tmp_path / "stick", tmp_path / "copied"
    place.mkdir()
    into.mkdir()
    (tmp_path / "outside").write_bytes(SECRET)
    (place / "atre-provision.toml").symlink_to(tmp_path / "outside")
    os.mkfifo(place / lost_password(SERIAL))
    (place / factory_reset(SERIAL)).write_bytes(b"x" * (MAX_FILE_BYTES + 1))
    (place / "autorun.inf").write_bytes(b"x")
    (place / "atre-provision.toml.sig").mkdir()
    assert copy_asked(place, into) == []
    assert not list(into.iterdir())
    (place / "atre-lost-password-1.txt").write_bytes(b"x")
    assert copy_asked(place, into) == ["atre-lost-password-1.txt"]
    assert [path.name for path in into.iterdir()] == [f"atre-lost-password-1.txt{COPIED}"]


def test_a_box_without_a_label_goes_by_its_own_id(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "box-id").write_text("7f3a0b1c\n")
    assert factory.serial(tmp_path) == "7F3A0B1C"
    factory.keep_serial(tmp_path, "../../etc")
    assert factory.serial(tmp_path) == "7F3A0B1C"
