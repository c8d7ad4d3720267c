# SPDX-License-Identifier: Apache-2.0
"""Which requests the handbook is searched for, and what the engine is asked then; pure."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec.structs import replace

from atre.handbook.plan import Plan
from atre.ipc.messages import ChatMessage, EngineDescription, Generate, ToolChoice
from atre_web.openai.schema import ChatBody
from atre_web.openai.tools import wanted_choice

# The file's name and the name in its metadata: a file of somebody's own has not both.
MODEL = "factory"
_NAME = "Âtre factory"
_ROLES = {"system", "user", "assistant"}


def may_be_guided(body: ChatBody) -> bool:
    """Whether the request asks for plain talk, possibly with the factory model.

    A call that is required, a response format and a logit bias steer the tokens themselves, and
    probabilities are asked for to see what the model does: those requests get the model as it is.
    So does a conversation that no template takes, for the engine to refuse. Tools that the model
    may leave alone do not count: it was not trained to call any, and Open WebUI and agents offer
    theirs with every question.
    """
    must_call = wanted_choice(body).choice is ToolChoice.REQUIRED
    steers = must_call or body.response_format or body.logit_bias
    return not steers and not body.logprobs and body.model in {None, MODEL} and _is_plain(body)


def is_factory(description: EngineDescription) -> bool:
    """Whether the model that answers is the factory model."""
    return description.model == MODEL and description.name == _NAME


def questions(body: ChatBody) -> list[str]:
    """What the person said, the last of it last. Raises InvalidRequestError for pictures."""
    return [message.text() for message in body.messages if message.role == "user"]


def guided(request: Generate, plan: Plan, body: ChatBody) -> Generate:
    """The request with the passage in place of the conversation, and with probabilities.

    A question that the search settled is asked for one token all the same: it waits its turn, is
    counted and can be refused like any other.
    """
    asked = plan.prompt if plan.prompt is not None else questions(body)[-1]
    sampling = replace(
        request.sampling,
        # From a passage there is one right answer, unless the client wants variety.
        temperature=0.0 if body.temperature is None else body.temperature,
        logprobs=0,
    )
    return replace(
        request,
        messages=[ChatMessage(role="user", content=asked)],
        tools=[],
        sampling=sampling,
        max_tokens=request.max_tokens if plan.prompt is not None else 1,
    )


def _is_plain(body: ChatBody) -> bool:
    roles = [message.role for message in body.messages]
    return (
        bool(roles)
        and roles[-1] == "user"
        and set(roles) <= _ROLES
        and "system" not in roles[1:]
        and not _has_neighbours(roles, "assistant")
        and not any(message.tool_calls for message in body.messages)
    )


def _has_neighbours(roles: Sequence[str], role: str) -> bool:
    return any(pair == (role, role) for pair in pairwise(roles))
