# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from enum import StrEnum

from atre.engine.formats import harmony, hermes, llama, mistral
from atre.engine.formats.markup import CallMarkup, MarkupParser
from atre.engine.formats.parts import AnswerParser


class Family(StrEnum):
    """Who writes tool calls in the same way. NONE stands for a model that writes none we know."""

    HERMES = "hermes"
    LLAMA = "llama"
    MISTRAL = "mistral"
    HARMONY = "harmony"
    NONE = "none"


_THOUGHTS = (("<think>", "</think>"), ("[THINK]", "[/THINK]"))
_OTHERS = ("<function=", "functools", ">>>")  # made from Llama 3, with markup of their own
_CALLS = {
    Family.HERMES: CallMarkup(hermes.OPEN, hermes.HermesCalls, hermes.CLOSE),
    Family.LLAMA: CallMarkup(llama.PYTHON_TAG, llama.LlamaCalls),
    Family.MISTRAL: CallMarkup(mistral.OPEN, mistral.MistralCalls),
}


@dataclass(frozen=True, slots=True)
class Format:
    """What a model writes beside plain text: tool calls of a family, and thoughts between tags."""

    family: Family = Family.NONE
    thoughts: tuple[str, str] | None = None

    @property
    def markers(self) -> frozenset[str]:
        """Texts that a parser must see, though the vocabulary may hold them as control tokens."""
        if self.family is Family.HARMONY:
            return harmony.MARKERS
        calls = {
            Family.HERMES: {hermes.OPEN, hermes.CLOSE},
            Family.LLAMA: {llama.PYTHON_TAG},
            Family.MISTRAL: {mistral.OPEN, mistral.ARGS},
        }
        return frozenset(self.thoughts or ()) | calls.get(self.family, frozenset())

    def is_thinking(self, prompt: str) -> bool:
        """Whether a prompt ends with the tag that opens thoughts."""
        return bool(self.thoughts) and prompt.rstrip().endswith((self.thoughts or ("",))[0])

    def parser(self, prompt: str, *, with_tools: bool) -> AnswerParser | None:
        """What reads the answer to a prompt; None where all of it is content."""
        if self.family is Family.HARMONY:
            return harmony.HarmonyParser()
        calls = _CALLS.get(self.family) if with_tools else None
        if not calls and not self.thoughts:
            return None
        return MarkupParser(
            thoughts=self.thoughts,
            is_thinking=self.is_thinking(prompt),
            calls=calls,
            whole_calls=llama.LlamaCalls if calls and self.family is Family.LLAMA else None,
        )


def detect(template: str) -> Format:
    """The format that a chat template speaks of."""
    if harmony.CHANNEL in template and harmony.MESSAGE in template:
        return Format(Family.HARMONY)
    thoughts = next((tags for tags in _THOUGHTS if tags[1] in template), None)
    return Format(_family(template), thoughts)


def _family(template: str) -> Family:
    if mistral.OPEN in template:
        return Family.MISTRAL
    if hermes.OPEN in template and "<function=" not in template and "<arg_key>" not in template:
        return Family.HERMES
    if any(other in template for other in _OTHERS):
        return Family.NONE
    if llama.PYTHON_TAG in template or ("<|start_header_id|>" in template and "tools" in template):
        return Family.LLAMA
    return Family.NONE
