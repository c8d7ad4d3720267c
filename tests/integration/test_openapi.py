# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document that the box serves, against the specification and against the box."""

from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

if TYPE_CHECKING:
    from tests.integration.caller import Caller


@pytest.fixture(scope="module")
def document(client: "Caller") -> dict[str, Any]:
    with client.get("/openapi.json") as answered:
        assert answered.status == 200
        found: dict[str, Any] = answered.json()
    return found


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    errors = [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert errors == []


def test_the_document_names_the_routes_that_clients_use(document: dict[str, Any]) -> None:
    assert set(document["paths"]) >= {
        "/v1/models",
        "/v1/models/{model}",
        "/v1/chat/completions",
        "/v1/completions",
        "/v1/embeddings",
        "/healthz",
    }


def test_what_the_document_requires_is_enough(document: dict[str, Any], client: "Caller") -> None:
    values = {"messages": [{"role": "user", "content": "Bonjour"}], "prompt": "Bonjour"}
    for path, operations in document["paths"].items():
        if "post" not in operations or path == "/v1/embeddings" or not path.startswith("/v1/"):
            continue  # embeddings need a model for them; the models: test_models_api
        schema = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
        name = schema["$ref"].rpartition("/")[2]
        fields = document["components"]["schemas"][name]
        body = {field: values[field] for field in fields.get("required", [])}
        assert body
        with client.post(path, body | {"max_tokens": 1}) as answered:
            assert answered.status == 200, path


def test_what_the_document_forbids_is_refused(document: dict[str, Any], client: "Caller") -> None:
    limits = document["components"]["schemas"]["ChatBody"]["properties"]["temperature"]
    (number,) = [kind for kind in limits["anyOf"] if kind["type"] == "number"]
    with client.chat(temperature=number["maximum"] + 0.1) as refused:
        assert refused.status == 400
    with client.chat(temperature=number["maximum"], max_tokens=1) as answered:
        assert answered.status == 200
