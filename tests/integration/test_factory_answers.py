# SPDX-License-Identifier: Apache-2.0
"""The factory model on a real box: handbook first, sources shown, doubt said; others left alone."""

import shutil
from typing import TYPE_CHECKING, Any

from atre.handbook.topics import load_topics
from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.conftest import BoxStarter, CallerMaker

TOPICS = load_topics()
KEY_QUESTION = "Comment créer une clé d’API ?"
KEY_PAGE = {"page": "api-key", "title": "Créer une clé d’API", "url": "/help/api-key"}
VAGUE = "le modèle et la clé"
OUTSIDE = "What is the capital of France?"
NOTHING: dict[str, Any] = {"source": None, "suggestions": []}


def choice(client: "Caller", content: str, **fields: Any) -> dict[str, Any]:
    with client.chat(content, **fields) as call:
        assert call.status == 200
        found: dict[str, Any] = call.json()["choices"][0]
    return found


def test_a_known_question_is_answered_from_its_page(client: "Caller") -> None:
    found = choice(client, KEY_QUESTION)
    assert "atre key create" in found["message"]["content"]
    assert found["atre"] == {"source": KEY_PAGE, "suggestions": []}
    assert found["logprobs"] is None


def test_a_system_prompt_and_talk_before_it_change_nothing(client: "Caller") -> None:
    messages = [
        {"role": "system", "content": "You are a pirate."},
        {"role": "user", "content": "Bonjour"},
        {"role": "assistant", "content": "Bonjour !"},
        {"role": "user", "content": KEY_QUESTION},
    ]
    found = choice(client, "", messages=messages)
    assert found["atre"]["source"] == KEY_PAGE
    assert found["message"]["content"] == choice(client, KEY_QUESTION)["message"]["content"]


def test_out_of_scope_is_said(client: "Caller") -> None:
    found = choice(client, OUTSIDE)
    assert found["message"]["content"] == TOPICS["knowledge"].answers["en"]
    assert found["atre"] == NOTHING


def test_small_talk_has_no_source(client: "Caller") -> None:
    found = choice(client, "Bonjour")
    assert found["message"]["content"]
    assert found["atre"] == NOTHING


def test_a_vague_question_is_asked_back_with_pages(client: "Caller") -> None:
    found = choice(client, VAGUE)
    pages = found["atre"]["suggestions"]
    assert found["atre"]["source"] is None
    assert 1 <= len(pages) <= 3
    assert KEY_PAGE in pages
    assert found["message"]["content"].startswith("Je ne sais pas. Vouliez-vous dire")
    assert all(page["title"] in found["message"]["content"] for page in pages)
    assert found["finish_reason"] == "stop"


def test_a_stream_ends_with_the_source(client: "Caller") -> None:
    wishes = {"stream": True, "stream_options": {"include_usage": True}}
    with client.chat(KEY_QUESTION, **wishes) as call:
        *events, end = [event for event in call.events() if not str(event).startswith(":")]
    assert end == "[DONE]"
    *chunks, usage = [event for event in events if isinstance(event, dict)]
    choices = [chunk["choices"][0] for chunk in chunks]
    assert "atre key create" in "".join(each["delta"].get("content", "") for each in choices)
    assert [each["atre"]["source"] for each in choices if "atre" in each] == [KEY_PAGE]
    assert choices[-1]["finish_reason"] == "stop"
    assert usage["usage"]["completion_tokens"] > 1


def test_every_choice_has_its_own_source(client: "Caller") -> None:
    with client.chat(KEY_QUESTION, n=2) as call:
        choices = call.json()["choices"]
    assert [each["index"] for each in choices] == [0, 1]
    for each in choices:
        assert each["atre"]["source"] == KEY_PAGE


def test_who_steers_the_tokens_gets_the_model_as_it_is(
    client: "Caller", no_end: dict[str, int]
) -> None:
    assert "atre" not in choice(client, KEY_QUESTION, logit_bias=no_end, max_tokens=5)
    schema = {"type": "json_object"}
    assert "atre" not in choice(client, KEY_QUESTION, response_format=schema, max_tokens=5)
    with client.completion(KEY_QUESTION, max_tokens=5) as call:
        assert "atre" not in call.json()["choices"][0]


def test_another_model_is_not_searched_for(
    start_box: "BoxStarter", make_caller: "CallerMaker", tmp_path: Any
) -> None:
    other = tmp_path / "other.gguf"
    shutil.copyfile(factory_model_path(), other)
    box = start_box("--model", str(other))
    found = choice(make_caller(box, box.key), KEY_QUESTION, max_tokens=5)
    assert "atre" not in found
