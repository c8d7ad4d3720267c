# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from itertools import takewhile

from atre.engine.chat_template import ChatTemplate
from atre.engine.model_runner import Vocabulary
from atre.errors import ContextLengthError, InvalidRequestError, RequestError
from atre.ipc.messages import ChatMessage, Generate, ToolChoice

_UNLIKE = ("a", "Bonjour", "1", "# x", "\n", "«")
_WORTH_SHARING_TOKENS = 8
_ANY_WINDOW = 1_000_000
_MAX_STOPS = 16  # OpenAI allows 4; every one is looked for in every piece of text
_MAX_STOP_CHARACTERS = 256


@dataclass(slots=True, frozen=True)
class Prompt:
    """A request that the engine can take: its tokens, and how many may follow.

    ``text`` is what the template made of a conversation, empty for any other prompt.
    """

    tokens: list[int]
    max_tokens: int
    text: str


def prepare(
    request: Generate, vocabulary: Vocabulary, template: ChatTemplate, *, window: int
) -> Prompt:
    """Check a request and turn its text into tokens; ``window`` is in tokens.

    Raises InvalidRequestError, and ContextLengthError where prompt and answer exceed ``window``.
    """
    _check_stops(request.stop)
    _check_bias(request.sampling.logit_bias, vocabulary)
    if request.max_tokens is not None and request.max_tokens < 1:
        raise InvalidRequestError("max_tokens must be 1 or more.", param="max_tokens")
    text = _rendered(request, template)
    tokens, param = _tokens(request, text, vocabulary, template)
    if not tokens:
        raise InvalidRequestError("The prompt is empty.", param=param)
    num_needed = len(tokens) + (request.max_tokens or 1)
    if num_needed > window:
        raise ContextLengthError(num_needed, window, param=param)
    return Prompt(tokens, request.max_tokens or window - len(tokens), text or "")


def public_prefix(vocabulary: Vocabulary, template: ChatTemplate) -> list[int]:
    """The tokens with which every conversation begins, whoever asks.

    That is what the template writes before the first words: what conversations that have nothing
    else in common share. Empty if it is too short to be worth a slot, or if the template refuses
    these conversations.
    """
    try:
        prompts = [
            prepare(
                Generate(messages=[ChatMessage(role="user", content=content)]),
                vocabulary,
                template,
                window=_ANY_WINDOW,
            ).tokens
            for content in _UNLIKE
        ]
    except RequestError:
        return []
    columns = zip(*prompts, strict=False)
    shared = [column[0] for column in takewhile(lambda c: len(set(c)) == 1, columns)]
    return shared if len(shared) >= _WORTH_SHARING_TOKENS else []


def _rendered(request: Generate, template: ChatTemplate) -> str | None:
    if request.messages is None:
        return None
    if not request.messages:
        raise InvalidRequestError("messages is empty; send at least one.", param="messages")
    offered = () if request.tool_choice is ToolChoice.NONE else request.tools
    return template.render(request.messages, offered)


def _tokens(
    request: Generate, text: str | None, vocabulary: Vocabulary, template: ChatTemplate
) -> tuple[list[int], str]:
    if text is not None:
        # A template that writes the beginning-of-text token itself must not get a second one.
        add_special = not (template.bos_token and text.startswith(template.bos_token))
        return vocabulary.tokenize(text, add_special=add_special), "messages"
    if isinstance(request.prompt, str):
        return vocabulary.tokenize(request.prompt, add_special=True), "prompt"
    tokens = request.prompt or []
    strangers = [token for token in tokens if not 0 <= token < vocabulary.num_tokens]
    if strangers:
        raise InvalidRequestError(
            f"Token {strangers[0]} is not in this model's vocabulary of {vocabulary.num_tokens}.",
            param="prompt",
        )
    return tokens, "prompt"


def _check_stops(stops: list[str]) -> None:
    if len(stops) > _MAX_STOPS:
        raise InvalidRequestError(
            f"stop has {len(stops)} entries; at most {_MAX_STOPS} are allowed.", param="stop"
        )
    if any(not stop or len(stop) > _MAX_STOP_CHARACTERS for stop in stops):
        raise InvalidRequestError(
            f"Each stop string must have 1 to {_MAX_STOP_CHARACTERS} characters.", param="stop"
        )


def _check_bias(bias: dict[int, float], vocabulary: Vocabulary) -> None:
    strangers = [token for token in bias if not 0 <= token < vocabulary.num_tokens]
    if strangers:
        raise InvalidRequestError(
            f"logit_bias names token {strangers[0]}, which is not in this model's vocabulary.",
            param="logit_bias",
        )
