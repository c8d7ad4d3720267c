# SPDX-License-Identifier: Apache-2.0
"""What the OpenAPI document allows, and what it does not, thrown at a box by schemathesis.

The same inputs each time: ``ATRE_FUZZ_SEED`` and ``ATRE_FUZZ_EXAMPLES`` look further.
"""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from atre_web.openai.document import openapi_document

if TYPE_CHECKING:
    from tests.integration.running_box import RunningBox

SEED = int(os.environ.get("ATRE_FUZZ_SEED", "20261122"))
NUM_EXAMPLES = int(os.environ.get("ATRE_FUZZ_EXAMPLES", "20"))
# An answer may be as long as the caller wants; here the shape counts, not the length.
MAX_TOKENS = 2
PATIENCE_S = 60
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]

schema = schemathesis.openapi.from_dict(openapi_document())


@schema.hook
def map_body(_context: Any, body: Any) -> Any:
    """Keep what is generated for a length where it is one that would be granted."""
    if isinstance(body, dict) and ("messages" in body or "prompt" in body):
        for name in ("max_tokens", "max_completion_tokens"):
            wanted = body.get(name, MAX_TOKENS)
            if wanted is None or (isinstance(wanted, int) and wanted > MAX_TOKENS):
                body[name] = MAX_TOKENS
    return body


@pytest.fixture(scope="module")
def fuzzed(
    tmp_path_factory: pytest.TempPathFactory, running_box: Any, four_slots: list[str]
) -> "Iterator[RunningBox]":
    """A box of its own, whose hub nobody answers: some of these requests change what it has."""
    box: RunningBox = running_box.RunningBox(tmp_path_factory.mktemp("fuzzed"), *four_slots)
    box.environment |= {"HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "*"}
    try:
        box.start()
        yield box
    finally:
        box.clean_up()


def test_the_seed_is_known() -> None:
    print(f"schemathesis: ATRE_FUZZ_SEED={SEED} ATRE_FUZZ_EXAMPLES={NUM_EXAMPLES}")  # noqa: T201
    assert len(list(schema.get_all_operations())) >= 7


@schema.parametrize()
@hypothesis.seed(SEED)
@hypothesis.settings(
    max_examples=NUM_EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
)
def test_an_answer_is_as_the_document_says(case: Any, fuzzed: "RunningBox") -> None:
    response = case.call(
        base_url=f"http://127.0.0.1:{fuzzed.port}",
        headers={"Authorization": f"Bearer {fuzzed.key}"},
        timeout=PATIENCE_S,
    )
    case.validate_response(response, checks=CHECKS)
