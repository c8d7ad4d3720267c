# SPDX-License-Identifier: Apache-2.0
import json
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from atre.cli import main
from atre.cli.update.install import source_of
from atre.errors import UpdateError, UpdateProblem
from atre.ipc.backup_replies import JobState
from atre.ipc.update_messages import SourceKind
from atre.ipc.update_replies import (
    GoBackReport,
    Offer,
    Release,
    ReturnReport,
    SlotReport,
    SlotState,
    UpdateJob,
    UpdateOverview,
    UpdatePolicy,
    UpdateStage,
)
from atre.sentence import Sentence

OVERVIEW = UpdateOverview(
    version="1.4.0",
    absence=None,
    channel="stable",
    channel_host="",
    policy=UpdatePolicy(),
    slots=[
        SlotReport(
            name="a", version="1.4.0", state=SlotState.CONFIRMED, is_running=True, is_next=True
        ),
        SlotReport(
            name="b", version="1.5.0", state=SlotState.FAILED, is_running=False, is_next=False
        ),
    ],
    offer=Offer(
        source="usb",
        location="",
        found_at=0.0,
        release=Release(
            version="1.6.0",
            channel="stable",
            made_at=None,
            size_bytes=1,
            changes=[Sentence("Faster.", "Plus rapide.")],
        ),
    ),
    job=None,
    trial=None,
    last_return=ReturnReport(
        version="1.5.0", back_to="1.4.0", at=0.0, reason=Sentence("It was ill.", "Malade.")
    ),
    go_back=GoBackReport(version="1.3.0", until=0.0),
)


class Client:
    """A box that answers with one overview."""

    def __init__(self, overview: UpdateOverview) -> None:
        self.overview = overview

    def describe(self) -> UpdateOverview:
        return self.overview

    def install(self, _source: object, *, at_hour: bool) -> UpdateOverview:
        return replace(self.overview, job=None) if at_hour else self.overview

    def set_policy(self, policy: UpdatePolicy) -> UpdateOverview:
        self.overview = replace(self.overview, policy=policy)
        return self.overview

    def go_back(self) -> UpdateOverview:
        raise UpdateError("too late", "trop tard", problem=UpdateProblem.EXPIRED)


def run(patch: pytest.MonkeyPatch, *words: str, overview: UpdateOverview = OVERVIEW) -> Result:
    for name in ("status", "install", "policy"):
        module = import_module(f"atre.cli.update.{name}")
        client = Client(overview)
        patch.setattr(module, "client_of", lambda _, client=client: client)
    return CliRunner().invoke(main, ["update", *words])


def test_status_tells_all_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    english = run(monkeypatch, "status", "--lang", "en").output
    for part in ("1.4.0", "did not come up", "It was ill.", "1.6.0", "Faster.", "rollback"):
        assert part in english
    french = run(monkeypatch, "status", "--lang", "fr").output
    for part in ("n’a pas démarré", "Malade.", "Plus rapide.", "revient à 1.3.0"):
        assert part in french


def test_a_machine_without_slots_says_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(OVERVIEW, absence=Sentence("No slots.", "Rien."), slots=[])
    said = run(monkeypatch, "status", "--lang", "fr", overview=absent).output
    assert said == "Âtre 1.4.0\nRien.\n"


def test_json_is_the_same_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    said = [run(monkeypatch, "status", "--json", "--lang", each).output for each in ("fr", "en")]
    assert said[0] == said[1]
    assert json.loads(said[0])["slots"][1]["state"] == "failed"


def test_a_refusal_is_one_line_with_a_status_for_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run(monkeypatch, "rollback", "--yes", "--lang", "fr")
    assert (refused.exit_code, refused.output) == (8, "Erreur\N{NO-BREAK SPACE}: trop tard\n")


def test_a_failed_install_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    job = UpdateJob(
        id="1",
        is_install=True,
        state=JobState.FAILED,
        stage=UpdateStage.CHECKING,
        problem=UpdateProblem.SIGNATURE,
        message=Sentence("Not signed.", "Pas signée."),
    )
    refused = run(
        monkeypatch, "install", "usb", "--lang", "fr", overview=replace(OVERVIEW, job=job)
    )
    assert (refused.exit_code, refused.output) == (3, "Erreur\N{NO-BREAK SPACE}: Pas signée.\n")


def test_the_policy_is_changed_by_what_is_named_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    said = run(monkeypatch, "policy", "--ask", "yes", "--json")
    assert json.loads(said.output)["policy"] == {
        "type": "UpdatePolicy",
        "asks_channel": True,
        "installs_itself": False,
        "hour": 3,
        "backup_target": None,
    }
    assert "yes" not in run(monkeypatch, "policy", "--lang", "en").output


def test_a_source_is_known_by_how_it_is_written(tmp_path: Path) -> None:
    assert source_of("usb").kind is SourceKind.USB
    assert source_of("channel").kind is SourceKind.CHANNEL
    assert source_of("https://x.example/a.raucb").kind is SourceKind.URL
    file = source_of(str(tmp_path / "a.raucb"))
    assert (file.kind, file.location) == (SourceKind.FILE, str(tmp_path / "a.raucb"))
