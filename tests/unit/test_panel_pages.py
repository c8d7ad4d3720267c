# SPDX-License-Identifier: Apache-2.0
import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import segno
from flask import Flask
from flask.testing import FlaskClient

from atre.config import Config
from atre.errors import EngineUnavailableError
from atre.ipc.messages import (
    BoxDescription,
    DiscoveryState,
    EmbedderDescription,
    EngineDescription,
)
from atre.speed_figure import SpeedBasis, SpeedFigure
from atre_web.accounts import people, sessions
from atre_web.accounts.database import connect
from atre_web.accounts.door import Door, open_door
from atre_web.panel import install as panel
from atre_web.panel.address import panel_urls, qr_svg

NOW = 1_800_000_000.0

ENGINE = EngineDescription(
    model="office-7b",
    name="Office 7B",
    description="A model for offices",
    licence="Apache-2.0",
    num_parameters=7_240_000_000,
    size_bytes=4_370_000_000,
    n_ctx=8192,
    n_ctx_train=32768,
    num_slots=8,
    threads=4,
    device="CPU",
    started_at=NOW - 7200,
    num_running=0,
    num_waiting=0,
    queue_limit=64,
    kv_cells_used=0,
    kv_cells_total=8192,
    decode_tokens_per_s=12.44,
    speed=SpeedFigure(
        low_tokens_s=8.5,
        high_tokens_s=15.0,
        basis=SpeedBasis.ESTIMATED,
        why="By its memory.",
        why_fr="D’après sa mémoire.",
    ),
    prefill_tokens_per_s=0.0,
    completion_tokens_total=0,
    requests_total=1234,
)
BOX = BoxDescription(
    version="0.1.0",
    mdns_name="atre-7f3a.local",
    addresses=["192.168.1.40", "fd00::1"],
    lan_port=8443,
    discovery=DiscoveryState.ANNOUNCED,
    detail="",
    responder="zeroconf",
    certificate_sha256="ab" * 32,
    profile="generic-cpu",
    profile_fr="processeur seul",
    profile_reason="no accelerator",
    profile_reason_fr="pas d’accélérateur",
    issues=[],
)


EMBEDDER = EmbedderDescription(
    model="e5-small",
    name="E5 small",
    dimensions=1024,
    max_input_tokens=512,
    pooling="mean",
    threads=1,
    started_at=NOW - 7200,
    num_open=0,
    inputs_total=1234,
    tokens_total=99_999,
)


class StandIn:
    """The daemons: describes what it was given, or is down."""

    def __init__(self) -> None:
        self.engine: EngineDescription | None = ENGINE
        self.box: BoxDescription | None = BOX
        self.embedder: EmbedderDescription | None = EMBEDDER


class EmbedderStandIn:
    def __init__(self, office: StandIn) -> None:
        self._office = office

    def describe(self) -> EmbedderDescription:
        if self._office.embedder is None:
            raise EngineUnavailableError("The embedding model is loading <b>e5.gguf</b>.")
        return self._office.embedder


class EngineStandIn:
    def __init__(self, office: StandIn) -> None:
        self._office = office

    def describe(self) -> EngineDescription:
        if self._office.engine is None:
            raise EngineUnavailableError("The engine is loading <b>big.gguf</b>.")
        return self._office.engine


class BoxStandIn:
    def __init__(self, office: StandIn) -> None:
        self._office = office

    def describe(self) -> BoxDescription:
        if self._office.box is None:
            raise EngineUnavailableError("The management daemon is not running.")
        return self._office.box


@pytest.fixture
def office() -> StandIn:
    return StandIn()


@pytest.fixture
def door(tmp_path: Path) -> Door:
    config = Config(data_dir=tmp_path, runtime_dir=tmp_path, profiles_dir=tmp_path)
    return open_door(config, run_key=True, clock=lambda: NOW)


@pytest.fixture
def client(tmp_path: Path, door: Door, office: StandIn) -> Iterator[FlaskClient]:
    with panel_client(tmp_path, door, office, None) as made:
        yield made


@pytest.fixture
def embedding_client(tmp_path: Path, door: Door, office: StandIn) -> Iterator[FlaskClient]:
    """The panel of a box that was given an embedding model."""
    with panel_client(tmp_path, door, office, EmbedderStandIn(office)) as made:
        yield made


@contextmanager
def panel_client(
    tmp_path: Path, door: Door, office: StandIn, embedder: EmbedderStandIn | None
) -> Iterator[FlaskClient]:
    app = Flask("atre_web")
    panel.install(
        app,
        database=tmp_path / "atre.db",
        engine=EngineStandIn(office),
        box=BoxStandIn(office),
        embedder=embedder,
        clock=lambda: NOW,
        free_bytes=lambda _: 10**12,
    )
    with closing(connect(tmp_path / "atre.db")) as connection:
        connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (NOW,))
    with app.test_client() as made:
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {door.run_key}"
        yield made


def live(client: FlaskClient, language: str = "fr") -> dict[str, Any]:
    answer = client.get("/api/panel/status.json", headers={"Accept-Language": language})
    assert isinstance(answer.json, dict)
    return answer.json


def test_numbers_are_written_in_the_readers_language(client: FlaskClient) -> None:
    french, english = live(client, "fr")["fields"], live(client, "en")["fields"]
    assert french["decode"] == "12,4 jetons/s"
    assert english["decode"] == "12.4 tokens/s"
    assert french["expected"] == "8,5–15 jetons/s (estimé)"
    assert english["expected"] == "8.5–15 tokens/s (estimated)"
    assert french["expected_why"] == "D’après sa mémoire."
    assert french["answers"] == "1\u202f234"
    assert english["answers"] == "1,234"
    assert french["size"] == "7\u202f240 millions de paramètres, 4\u202f370\xa0Mo"
    assert french["device"] == "Processeur"
    assert french["uptime"] == "2\u00a0heures"
    assert english["uptime"] == "2 hours"


def test_what_is_unknown_is_a_dash_and_never_zero(client: FlaskClient, office: StandIn) -> None:
    assert live(client)["fields"]["prefill"] == "—"
    office.engine = None
    office.box = None
    fields = live(client)["fields"]
    shown = {name: value for name, value in fields.items() if name not in {"state", "people"}}
    assert set(shown.values()) == {"—"}


def test_an_embedding_model_has_a_card_of_its_own(
    embedding_client: FlaskClient, office: StandIn
) -> None:
    def shown(language: str) -> list[str]:
        page = embedding_client.get("/status", headers={"Accept-Language": language}).text
        return [
            found[1]
            for name in ("embedder", "embedder_id", "embedder_state", "dimensions", "inputs")
            if (found := re.search(rf'data-field="{name}"[^>]*>([^<]*)<', page))
        ]

    assert shown("fr") == ["E5 small", "e5-small", "Prêt", "1\u202f024", "1\u202f234"]
    office.embedder = msgspec.structs.replace(EMBEDDER, num_open=1)
    assert shown("en") == ["E5 small", "e5-small", "Computing", "1,024", "1,234"]


def test_an_embedding_model_that_is_not_there_says_why(
    embedding_client: FlaskClient, office: StandIn
) -> None:
    office.embedder = None
    fields = live(embedding_client, "en")["fields"]
    assert fields["embedder_state"] == "Unavailable"
    assert fields["dimensions"] == "—"
    page = embedding_client.get("/status").text
    assert "loading &lt;b&gt;e5.gguf&lt;/b&gt;." in page


def test_a_box_without_embedding_model_shows_none(client: FlaskClient) -> None:
    assert "embedder" not in client.get("/status").text
    assert "embedder_state" not in live(client)["fields"]


def test_a_measured_zero_is_a_zero(client: FlaskClient) -> None:
    fields = live(client)["fields"]
    assert fields["running"] == "0"
    assert fields["memory"] == "0\u00a0%"


def test_the_page_has_a_place_for_every_figure(client: FlaskClient) -> None:
    page = client.get("/status").text
    places = set(re.findall(r'data-field="(\w+)"', page))
    assert places == set(live(client)["fields"])


@pytest.mark.parametrize(
    ("change", "issue"),
    [
        (lambda office: setattr(office, "engine", None), "Le moteur ne répond pas"),
        (lambda office: setattr(office, "box", None), "service d’administration"),
        (
            lambda office: setattr(
                office, "box", msgspec.structs.replace(BOX, issues=["The disk is nearly full."])
            ),
            "The disk is nearly full.",
        ),
        (
            lambda office: setattr(
                office,
                "engine",
                msgspec.structs.replace(
                    ENGINE, issues=["Half the context."], issues_fr=["La moitié du contexte."]
                ),
            ),
            "La moitié du contexte.",
        ),
    ],
)
def test_what_is_wrong_is_said(
    client: FlaskClient, office: StandIn, change: Callable[[StandIn], None], issue: str
) -> None:
    assert "Rien à signaler" in client.get("/status").text
    assert live(client)["issues"] == []
    change(office)
    assert issue in client.get("/status").text
    assert issue in str(live(client)["issues"])


def test_a_daemons_words_are_text_not_markup(client: FlaskClient, office: StandIn) -> None:
    office.engine = None
    assert "&lt;b&gt;big.gguf&lt;/b&gt;" in client.get("/status").text


def test_the_factory_model_is_marked(client: FlaskClient, office: StandIn) -> None:
    badge = '<span class="badge" id="factory" hidden>'
    assert badge in client.get("/").text
    office.engine = msgspec.structs.replace(ENGINE, name="Âtre factory")
    assert badge not in client.get("/").text
    assert live(client)["is_factory"] is True


def test_a_box_without_a_model_says_so_and_keeps_the_page(
    client: FlaskClient, office: StandIn
) -> None:
    hidden = 'id="not-ready" role="status" hidden>'
    assert hidden in client.get("/").text
    office.engine = None
    answer = client.get("/")
    assert answer.status_code == 200
    assert hidden not in answer.text


def test_the_language_is_the_links_then_the_cookies_then_the_browsers(client: FlaskClient) -> None:
    def language(path: str, accept: str) -> str:
        found = re.search(
            r'<html lang="([\w-]+)"', client.get(path, headers={"Accept-Language": accept}).text
        )
        assert found
        return found[1]

    assert language("/", "de") == "fr"
    assert language("/", "fr-CA,fr;q=0.9,en;q=0.8") == "fr-CA"
    assert language("/", "en-GB,en;q=0.9,fr;q=0.8") == "en"
    assert language("/?lang=xx", "en") == "en"
    assert language("/?lang=en", "fr") == "en"
    assert language("/", "fr") == "en", "the choice is kept in a cookie"
    assert language("/?lang=fr", "en") == "fr"
    assert language("/", "en") == "fr"


def test_the_scripts_texts_are_json_in_the_pages_language(client: FlaskClient) -> None:
    def texts(language: str) -> dict[str, str]:
        page = client.get("/", headers={"Accept-Language": language}).text
        found = re.search(r'id="texts">(.*?)</script>', page)
        assert found
        decoded = json.loads(found[1])
        assert isinstance(decoded, dict)
        return decoded

    assert texts("fr")["regenerate"] == "Régénérer"
    assert texts("en")["regenerate"] == "Regenerate"


def test_the_scripts_ask_only_for_texts_that_exist(client: FlaskClient) -> None:
    found = re.search(r'id="texts">(.*?)</script>', client.get("/").text)
    assert found
    known = set(json.loads(found[1]))
    scripts = Path(client.application.root_path, "static", "js").glob("*.js")
    source = "\n".join(script.read_text(encoding="utf-8") for script in scripts)
    named = set(re.findall(r'"([a-z]+(?:_[a-z]+)*)"', source))
    assert {each.removesuffix("_one") for each in known} <= named, "a text that no script shows"
    assert set(re.findall(r'\btext\("(\w+)"', source)) <= known


def test_addresses_prefer_the_announced_name() -> None:
    assert panel_urls(BOX) == [
        "https://atre-7f3a.local:8443/",
        "https://192.168.1.40:8443/",
        "https://[fd00::1]:8443/",
    ]
    silent = msgspec.structs.replace(BOX, discovery=DiscoveryState.PROBING, lan_port=443)
    assert panel_urls(silent) == ["https://192.168.1.40/", "https://[fd00::1]/"]
    assert panel_urls(msgspec.structs.replace(BOX, lan_port=None)) == []


def test_the_qr_code_holds_the_url(client: FlaskClient) -> None:
    url = "https://atre-7f3a.local:8443/"
    assert int(segno.make(url, error="m", micro=False).version) <= 3, "coarse enough for any phone"
    svg = qr_svg(url)
    assert svg.startswith("<svg ")
    assert "style=" not in svg, "the policy would drop it"
    assert svg in client.get("/status").text


def test_a_box_for_this_machine_alone_shows_no_code(client: FlaskClient, office: StandIn) -> None:
    office.box = msgspec.structs.replace(BOX, lan_port=None, discovery=DiscoveryState.OFF)
    page = client.get("/status").text
    assert '<svg class="qr"' not in page
    assert "atre serve --lan" in page


def test_people_are_counted_not_their_browsers(client: FlaskClient, tmp_path: Path) -> None:
    assert live(client)["fields"]["people"] == "0"
    with closing(connect(tmp_path / "atre.db")) as connection:
        for login in ("marie", "luc"):
            person = people.create(connection, login, login, "member", password=None, now=NOW)
            for _ in range(2):
                sessions.create(connection, person.id, device="", now=NOW)
    assert live(client)["fields"]["people"] == "2"
