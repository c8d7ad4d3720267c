# SPDX-License-Identifier: Apache-2.0
"""Backups to the real sshd with the real restic, from adding the server to a box brought back."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from atre.backup.keys import box_key
from atre.backup.program import Program
from atre.backup.swap import finish
from atre.errors import BackupError, BackupProblem
from atre.ipc.backup_messages import (
    ApplyRestore,
    CreateBackup,
    DrillBackup,
    ListSnapshots,
    SetBackupPolicy,
    ShowSheet,
    StageRestore,
    VerifyBackup,
)
from atre.ipc.backup_replies import (
    BackupOverview,
    BackupPolicy,
    JobState,
    RecoverySheet,
    SnapshotListing,
    Stage,
)
from atre.ipc.media_messages import AddSftpTarget, TargetState
from atre.media import sftp
from atre.media.no_disks import NoDisks

if TYPE_CHECKING:
    from tests.media.office import Office
    from tests.media.ssh_server import Server

Eventually = Callable[[Callable[[], bool]], None]
OfficeMaker = Callable[[str], "Office"]


@pytest.fixture
def office_at_server(
    tmp_path: Path, server: "Server", make_office: Callable[..., "Office"]
) -> Iterator[OfficeMaker]:
    """Boxes that the server lets in, and that were told its fingerprint."""
    with ExitStack() as stack:

        def make(name: str) -> "Office":
            office = make_office(tmp_path / name, NoDisks())
            stack.callback(office.verbs.close)
            server.let_in(sftp.own_key(office.place.state_dir))
            key = sftp.ask_host("127.0.0.1", server.port)
            office.targets.add_sftp(
                AddSftpTarget(
                    host="127.0.0.1", port=server.port, user="root", path=str(server.backups),
                    label="nas", fingerprint=key.fingerprint,
                )
            )  # fmt: skip
            return office

        yield make


def refusal(do: Callable[[], object]) -> BackupError:
    with pytest.raises(BackupError) as raised:
        do()
    assert raised.value.french != str(raised.value)
    return raised.value


def test_a_box_lives_on_from_a_server(
    server: "Server", office_at_server: OfficeMaker, eventually: Eventually
) -> None:
    office = office_at_server("lost")
    office.fill()
    sheet = office.ask(ShowSheet(), RecoverySheet)
    _cut(server, office, eventually)
    office.do(CreateBackup(target="nas"))
    assert not list(server.backups.glob("atre-*/locks/*"))
    office.do(VerifyBackup(target="nas"))
    office.do(DrillBackup(target="nas"))
    proven = office.target.last_proven
    assert proven is not None
    assert proven.is_proven
    assert office.target.opens_with_sheet

    # Another box, which does not know that one's number until it is told.
    new = office_at_server("new")
    with pytest.raises(BackupError, match="--unit") as empty:
        new.ask(ListSnapshots(target="nas"), SnapshotListing)
    assert empty.value.problem is BackupProblem.EMPTY
    unit = office.verbs.describe().unit
    wrong = ListSnapshots(target="nas", unit=unit, key="douze tasses ou plus")
    refused = refusal(lambda: new.ask(wrong, SnapshotListing))
    assert refused.problem is BackupProblem.WRONG_KEY
    slots = [path.name for path in server.backups.glob("atre-*/keys/*")]
    assert len(slots) == 2
    assert all(f"key id {slot[:8]}" in str(refused) for slot in slots)
    right = ListSnapshots(target="nas", unit=unit, key=sheet.key)
    (only,) = new.ask(right, SnapshotListing).snapshots
    new.do(StageRestore(target="nas", snapshot=only.id, unit=unit, key=sheet.key))
    new.verbs.answer(ApplyRestore())
    finish(new.place)
    with closing(sqlite3.connect(new.place.database)) as connection:
        assert connection.execute("SELECT name FROM groups").fetchall() == [("atelier",)]
    assert box_key(new.place.secrets_dir) == box_key(office.place.secrets_dir)


def test_somebody_else_in_the_servers_place_gets_nothing(
    server: "Server",
    office_at_server: OfficeMaker,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    office = office_at_server("box")
    office.fill()
    assert office.target.is_present
    server.change_key(eventually)
    # What was heard of the server a moment ago still counts: restic's own ssh finds out.
    changed = refusal(lambda: office.do(CreateBackup(target="nas")))
    assert changed.problem is BackupProblem.TARGET_AWAY
    assert "another key" in str(changed)
    monkeypatch.setattr("atre.media.targets._SERVER_S", 0.0)
    assert office.targets.describe().targets[0].state is TargetState.HOST_CHANGED
    with pytest.raises(BackupError, match="another key"):
        office.verbs.answer(CreateBackup(target="nas"))
    assert not list(server.backups.iterdir())


def test_a_restic_that_ends_before_its_ssh_was_heard_hides_nothing(
    server: "Server",
    office_at_server: OfficeMaker,
    eventually: Eventually,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    # Its words in that case, which comes about by chance.
    mute = tmp_path / "restic"
    mute.write_text(
        "#!/bin/sh\necho 'Fatal: unable to start the sftp session, error: error receiving version "
        "packet from server: server unexpectedly closed connection: unexpected EOF' >&2\nexit 1\n"
    )
    mute.chmod(0o755)
    monkeypatch.setattr("atre.backup.work.find_program", lambda: Program(mute, "0.18.0"))
    office = office_at_server("box")
    office.fill()
    assert office.target.is_present
    inside = refusal(lambda: office.do(CreateBackup(target="nas")))
    assert "unexpected EOF" in str(inside), "the server lets the box in: restic's word counts"
    (server.directory / "authorized_keys").unlink()
    shut = refusal(lambda: office.do(CreateBackup(target="nas")))
    assert "Permission denied" in str(shut)
    server.change_key(eventually)
    changed = refusal(lambda: office.do(CreateBackup(target="nas")))
    assert "another key" in str(changed)


def _cut(server: "Server", office: "Office", eventually: Eventually) -> None:
    """The server's power goes while the first backup is sent."""
    large = office.place.state_dir / "large"
    large.write_bytes(os.urandom(2 * 2**20))
    office.ask(SetBackupPolicy(policy=BackupPolicy(upload_kib_s=64)), BackupOverview)
    office.verbs.answer(CreateBackup(target="nas"))
    eventually(lambda: office.job.stage is Stage.STORING and office.job.done_bytes > 0)
    server.cut()
    office.verbs.jobs.wait()
    assert (office.job.state, office.job.problem) == (JobState.FAILED, BackupProblem.TARGET_AWAY)
    assert (office.target.problem, office.target.last_snapshot) == (BackupProblem.TARGET_AWAY, "")
    assert not office.place.work_dir.exists()
    assert list(server.backups.glob("atre-*/locks/*"))
    large.unlink()
    server.start()
    eventually(server.listens)
