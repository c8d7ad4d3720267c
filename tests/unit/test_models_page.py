# SPDX-License-Identifier: Apache-2.0
"""The models page and its JSON twin, over a daemon that is played here."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec.structs import replace

from atre.config import Config
from atre.errors import EngineUnavailableError, ModelProblem, ModelStoreError
from atre.ipc.message import Message
from atre.ipc.model_messages import (
    Advice,
    Freed,
    Importable,
    ImportableModel,
    JobKind,
    JobState,
    ModelCatalogue,
    ModelChangeReport,
    ModelJob,
    ModelLicence,
    ModelListing,
    OfferedModel,
    Openness,
    Phase,
    StoredModel,
    UnfinishedPull,
)
from atre_web import create_app
from atre_web.models.api import PREFIX
from atre_web.models.blueprint import EXTENSION
from atre_web.models.problems import problem_words
from atre_web.openai.errors import row_of

LICENCE = ModelLicence(
    title="Apache 2.0",
    url="https://licence.test/apache",
    summary="Use it freely.",
    summary_fr="Utilisation libre.",
)
STORED = StoredModel(
    name="mine",
    title="<b>Mine</b>",
    kind="model",
    base="",
    size_bytes=2_500_000_000,
    added="2026-11-22T00:00:00+00:00",
    source="import",
    origin="",
    licence=None,
    licence_id="custom",
    languages=[],
)
OFFERED = OfferedModel(
    id="qwen3-4b",
    title="Qwen3 4B",
    kind="chat",
    origin="Hugging Face, France and United States",
    licence=LICENCE,
    openness=Openness.WEIGHTS,
    languages=["en", "fr"],
    memory_bytes=3_200_000_000,
    size_bytes=2_500_000_000,
    context_tokens=40960,
    good_for="Summaries.",
    good_for_fr="Résumés.",
    is_stored=False,
)
LISTING = ModelListing(
    chosen="factory",
    stored=[STORED],
    unfinished=[],
    job=None,
    change=None,
    free_bytes=77_100_000_000,
    is_fixed=False,
)
JOB = ModelJob(
    id="1",
    kind=JobKind.PULL,
    model="qwen3-4b",
    state=JobState.RUNNING,
    done_bytes=500_000_000,
    size_bytes=2_000_000_000,
    rate_bytes_s=12_500_000.0,
    left_s=120.0,
)


class Daemon:
    """Answers what it was given, or refuses; remembers what it was asked."""

    def __init__(self) -> None:
        self.listing = LISTING
        self.error: Exception | None = None
        self.medium_error: Exception | None = None
        self.asked: list[Message] = []

    def list(self) -> ModelListing:
        return self.listing

    def catalogue(self) -> ModelCatalogue:
        advice = Advice(
            model="qwen3-4b", tokens_s=6.0, why="It fits.", why_fr="Il tient en mémoire."
        )
        return ModelCatalogue(models=[OFFERED], recommended=advice)

    def importable(self) -> Importable:
        if self.medium_error:
            raise self.medium_error
        found = ImportableModel(
            path="/media/usb/Essai.gguf", name="essai", size_bytes=1_000_000, place="/media/usb"
        )
        return Importable(models=[found], folders=["/media/usb"])

    def act(self, request: Message | None = None) -> Any:
        if self.error:
            raise self.error
        if request is not None:
            self.asked.append(request)
        return JOB

    pull = import_ = verify = cancel = change = act

    def remove(self, request: Message) -> Freed:
        self.act(request)
        return Freed(freed_bytes=7)

    def forget_unfinished(self) -> Freed:
        return Freed(freed_bytes=8)


@pytest.fixture
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
def client(config: Config, key: str, daemon: Daemon) -> Iterator[FlaskClient]:
    app = create_app(config)
    app.extensions[EXTENSION] = daemon
    with app.test_client() as made:
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {key}"
        made.environ_base["HTTP_ACCEPT"] = "text/html"
        yield made


def page(client: FlaskClient, language: str = "fr") -> str:
    answer = client.get("/models", headers={"Accept-Language": language})
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.text.replace("\u00a0", " ").replace("\u202f", " "))


def test_the_page_says_what_to_get_and_why_and_what_the_licence_allows(client: FlaskClient) -> None:
    french, english = page(client), page(client, "en")
    assert "Il tient en mémoire." in french
    assert "It fits." in english
    assert 'href="https://licence.test/apache"' in french
    assert "Utilisation libre." in french
    assert "Use it freely." in english
    assert "Hugging Face, France et États-Unis" in french
    assert "français, anglais" in french
    assert "English, French" in english
    assert "Télécharger (2,5 Go)" in french
    assert "Place libre sur le disque : 77,1 Go." in french


def test_what_a_stranger_wrote_into_a_file_is_text(client: FlaskClient) -> None:
    shown = page(client)
    assert "<b>Mine</b>" not in shown
    assert "&lt;b&gt;Mine&lt;/b&gt;" in shown


def test_a_download_shows_how_far_it_is(client: FlaskClient, daemon: Daemon) -> None:
    daemon.listing = replace(LISTING, job=JOB)
    shown = page(client)
    assert "Qwen3 4B se télécharge" in shown
    assert "25 % · 500 Mo sur 2 Go · 12,5 Mo par seconde · encore 2 minutes" in shown
    assert '<progress aria-label="Qwen3 4B se télécharge" value="0.25" max="1">' in shown
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in shown
    assert "is being downloaded" in page(client, "en")
    daemon.listing = LISTING
    assert "http-equiv" not in page(client)


def test_the_script_is_told_to_draw_anew_when_more_than_figures_changed(
    client: FlaskClient, daemon: Daemon
) -> None:
    def live() -> dict[str, Any]:
        found = client.get("/api/panel/models.json").json
        assert isinstance(found, dict)
        return found

    daemon.listing = replace(LISTING, job=JOB)
    first = live()
    assert f'data-version="{first["version"]}"' in page(client)
    daemon.listing = replace(LISTING, job=replace(JOB, done_bytes=1_000_000_000))
    second = live()
    assert second["version"] == first["version"]
    assert second["job"]["fraction"] == 0.5
    daemon.listing = replace(LISTING, job=replace(JOB, state=JobState.FAILED, problem="disk_full"))
    assert live()["version"] != first["version"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"phase": Phase.DRAINING, "num_open": 2}, "Les 2 réponses en cours se terminent"),
        ({"phase": Phase.LOADING}, "Qwen3 4B se charge…"),
        ({"phase": Phase.TRYING}, "il écrit son premier mot"),
        ({"phase": Phase.RETURNING}, "le modèle d’avant revient"),
        (
            {"phase": Phase.FAILED, "failed_at": Phase.LOADING, "reason": "it <i>ended</i>"},
            "Qwen3 4B n’a pas pu être chargé ; Le modèle d’usine répond de nouveau.",
        ),
        (
            {"phase": Phase.FAILED, "failed_at": Phase.TRYING, "reason": "it was silent"},
            "s’est chargé mais n’a rien écrit",
        ),
    ],
)
def test_a_change_is_told_step_by_step(
    client: FlaskClient, daemon: Daemon, change: dict[str, Any], sentence: str
) -> None:
    report = ModelChangeReport(wanted="qwen3-4b", answering="factory", **change)
    daemon.listing = replace(LISTING, change=report)
    shown = page(client)
    assert sentence in shown
    assert report.reason.replace("<", "&lt;").replace(">", "&gt;") in shown


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("fr", "<p>il s’est arrêté ; son journal dit pourquoi</p>"),
        ("fr-CA", "<p>il s’est arrêté; son journal dit pourquoi</p>"),
        ("en", "<p>it ended; its log says why</p>"),
    ],
)
def test_why_the_model_before_came_back_is_said_in_the_readers_language(
    client: FlaskClient, daemon: Daemon, language: str, said: str
) -> None:
    report = ModelChangeReport(
        wanted="qwen3-4b",
        phase=Phase.FAILED,
        failed_at=Phase.LOADING,
        reason="it ended; its log says why",
        reason_fr="il s’est arrêté ; son journal dit pourquoi",
    )
    daemon.listing = replace(LISTING, change=report)
    assert said in page(client, language)


def test_what_ended_is_told_only_as_long_as_it_is_so(client: FlaskClient, daemon: Daemon) -> None:
    done = replace(JOB, state=JobState.DONE, model="mine")
    daemon.listing = replace(LISTING, job=done)
    assert "est installé et vérifié" in page(client)
    daemon.listing = replace(LISTING, job=done, stored=[])
    assert "est installé et vérifié" not in page(client)
    left = UnfinishedPull(model="qwen3-4b", done_bytes=5, size_bytes=10)
    cancelled = replace(JOB, state=JobState.CANCELLED)
    daemon.listing = replace(LISTING, job=cancelled, unfinished=[left])
    assert "est annulé ; ce qui est arrivé est gardé" in page(client)
    daemon.listing = replace(LISTING, job=cancelled)
    assert "est annulé" not in page(client)


def test_every_problem_has_words_of_its_own_in_both_languages(
    client: FlaskClient, daemon: Daemon
) -> None:
    for language in ("fr", "en"):
        with client.application.test_request_context(headers={"Accept-Language": language}):
            words = {problem: problem_words(problem, "x") for problem in ModelProblem}
            unknown = problem_words("of_a_later_version", "x")
        assert [p for p, sentence in words.items() if sentence == unknown] == [ModelProblem.OTHER]
    failed = replace(JOB, state=JobState.FAILED, problem="hub_unreachable", message="No route.")
    daemon.listing = replace(LISTING, job=failed)
    shown = page(client)
    assert "Internet est hors d’atteinte." in shown
    assert "No route." in shown


def test_a_refusal_has_its_code_and_a_status(client: FlaskClient, daemon: Daemon) -> None:
    for problem in ModelProblem:
        daemon.error = ModelStoreError("Why.", problem=problem)
        _check_refusal(client, problem, row_of(daemon.error).status)


def _check_refusal(client: FlaskClient, problem: ModelProblem, status: int) -> None:
    told = client.post(f"{PREFIX}/pull", data=json.dumps({"model": "x"}))
    assert told.status_code == status >= 400
    assert told.json is not None
    assert told.json["error"]["message"] == "Why."
    assert told.json["error"]["code"] == problem
    shown = client.post("/models/pull", data={"model": "x"})
    assert shown.status_code == told.status_code
    assert 'role="alert"' in shown.text


def test_each_button_asks_for_what_it_says(client: FlaskClient, daemon: Daemon) -> None:
    for verb in ("pull", "verify", "use", "remove"):
        answer = client.post(f"/models/{verb}", data={"model": "mine"})
        assert (answer.status_code, answer.location) == (303, "/models")
    client.post("/models/import", data={"path": "/media/usb/Essai.gguf"})
    kinds = [type(request).__name__ for request in daemon.asked]
    assert kinds == ["PullModel", "VerifyModel", "ChangeModel", "RemoveModel", "ImportModel"]
    for verb in ("cancel", "forget-unfinished"):
        assert client.post(f"/models/{verb}").status_code == 303


def test_removing_asks_first_and_only_for_what_is_there(client: FlaskClient) -> None:
    asked = client.get("/models/remove?model=mine")
    assert asked.status_code == 200
    assert 'action="/models/remove"' in asked.text
    for name in ("nobody", "factory", ""):
        assert client.get(f"/models/remove?model={name}").status_code == 404


def test_a_medium_that_cannot_be_read_takes_nothing_else_away(
    client: FlaskClient, daemon: Daemon
) -> None:
    assert "Essai.gguf" in page(client)
    daemon.medium_error = EngineUnavailableError("It does not answer.")
    assert "Conseillé pour cette machine" in page(client)


def test_the_models_in_use_cannot_be_removed_from_the_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert 'href="/models/remove?model=mine"' in page(client)
    monkeypatch.setattr("atre_web.models.page.running_model", lambda: "mine")
    shown = page(client)
    assert 'href="/models/remove?model=mine"' not in shown
    assert "en service" in shown
