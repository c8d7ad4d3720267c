# SPDX-License-Identifier: Apache-2.0
"""What a manager lets models and attached files take, and what is said beyond it."""

import sys
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from atre.cli import main
from atre.errors import ModelProblem, ModelStoreError
from atre.ipc.media_messages import DescribeSpace, SetSpaceLimits, SpaceReport
from atre.media.verbs import MediaVerbs
from atre.models.limit import require_within_limit
from atre.models.store import Store
from atre.space.limits import SpaceLimits, limits_path, passes, read_limits
from atre_web.accounts.database import connect
from atre_web.accounts.migrations import migrate
from atre_web.chat import conversations, messages
from atre_web.chat.attachment import Attachment, AttachmentError
from atre_web.chat.attachment_limit import OVER_LIMIT
from atre_web.chat.attachment_limit import require_within_limit as require_files_within_limit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the verbs watch udev")


@pytest.mark.parametrize(
    ("limit", "used", "more", "expected"),
    [(None, 10**15, 1, False), (10, 9, 1, False), (10, 9, 2, True), (10, 12, 0, False)],
)
def test_what_is_there_stays_and_what_would_pass_is_refused(
    limit: int | None, used: int, more: int, *, expected: bool
) -> None:
    assert passes(limit, used, more) is expected


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "models" / "blobs").mkdir(parents=True)
    (tmp_path / "models" / "blobs" / "x").write_bytes(bytes(600))
    with closing(connect(tmp_path / "atre.db")) as connection:
        migrate(connection)
    return tmp_path


def limit(data_dir: Path, **limits: int) -> None:
    limits_path(data_dir / "state").write_bytes(msgspec.json.encode(SpaceLimits(**limits)))


def test_limits_are_kept_and_a_damaged_file_sets_none(data_dir: Path) -> None:
    with closing(MediaVerbs(data_dir / "state", data_dir)) as verbs:
        wanted = SpaceLimits(models=5 * 10**9, attachments=10**9)
        for request in (SetSpaceLimits(limits=wanted), DescribeSpace()):
            report = verbs.answer(request)
            assert isinstance(report, SpaceReport)
            assert report.limits == wanted
    limits_path(data_dir / "state").write_text('{"models": -1}')
    assert read_limits(data_dir / "state") == SpaceLimits()


def test_a_model_that_would_pass_the_limit_is_refused(data_dir: Path) -> None:
    store = Store(data_dir / "models")
    require_within_limit(store, 10**15)
    limit(data_dir, models=1000)
    require_within_limit(store, 400)
    with pytest.raises(ModelStoreError, match="Nothing was written") as refused:
        require_within_limit(store, 401)
    assert refused.value.problem is ModelProblem.OVER_LIMIT
    assert "Rien n’a été écrit" in refused.value.french


def test_files_that_would_pass_the_limit_are_refused(data_dir: Path) -> None:
    with closing(connect(data_dir / "atre.db")) as connection:
        person = connection.execute("SELECT id FROM people").fetchone()[0]
        talk = conversations.create(connection, person, "x", now=0)
        old = [Attachment("a.txt", "é" * 300)]
        messages.add_question(connection, talk, None, "q", old, indexed="q", now=0)
        limit(data_dir, attachments=1000)
        require_files_within_limit(connection, data_dir, [])
        require_files_within_limit(connection, data_dir, [Attachment("b.txt", "x" * 400)])
        with pytest.raises(AttachmentError) as refused:
            require_files_within_limit(connection, data_dir, [Attachment("b.txt", "x" * 401)])
    assert refused.value.code == OVER_LIMIT


def test_the_command_says_and_sets_limits_of_a_box_that_rests(data_dir: Path) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["space", "--data-dir", str(data_dir), *arguments])
        assert done.exit_code == 0, done.output
        return done.output

    run("--models", "2.5", "--attachments", "1")
    assert read_limits(data_dir / "state") == SpaceLimits(models=2_500_000_000, attachments=10**9)
    assert "modèles\N{NO-BREAK SPACE}: 600\N{NO-BREAK SPACE}o sur 2,5" in run("--lang", "fr")
    run("--models", "0")
    assert read_limits(data_dir / "state") == SpaceLimits(attachments=10**9)
