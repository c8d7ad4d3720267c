# SPDX-License-Identifier: Apache-2.0
"""The chat format: the role markers, and the template that clients of the GGUF render."""

from factory_model.conversations import Conversation

END = "<|end|>"
SYSTEM = "<|system|>"
USER = "<|user|>"
ASSISTANT = "<|assistant|>"
SPECIAL_TOKENS = (END, SYSTEM, USER, ASSISTANT)

CHAT_TEMPLATE = """\
{%- set seen = namespace(role='', user=false) -%}
{%- for message in messages -%}
{%- if message.role not in ['system', 'user', 'assistant'] -%}
{{- raise_exception('The role ' ~ message.role ~ ' is unknown; use system, user or assistant.') -}}
{%- endif -%}
{%- if message.role == 'system' and not loop.first -%}
{{- raise_exception('A system message must be the first message.') -}}
{%- endif -%}
{%- if message.role == 'assistant' and seen.role == 'assistant' -%}
{{- raise_exception('Two assistant messages follow each other; put a user message between.') -}}
{%- endif -%}
{%- set seen.role = message.role -%}
{%- if message.role == 'user' -%}{%- set seen.user = true -%}{%- endif -%}
{{- '<|' ~ message.role ~ '|>' ~ message.content ~ '<|end|>' -}}
{%- endfor -%}
{%- if not seen.user -%}
{{- raise_exception('The conversation has no user message; add one.') -}}
{%- endif -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
"""


def segments(conversation: Conversation) -> list[tuple[str, float]]:
    """The conversation as (text, loss weight) pieces, in order.

    The answer and its end carry the whole loss; a little on the question teaches the words of
    the two languages; markers, passages and system prompts carry none.
    """
    pieces: list[tuple[str, float]] = []
    if conversation.system is not None:
        pieces.append((f"{SYSTEM}{conversation.system}{END}", 0.0))
    for turn in conversation.turns:
        pieces += [
            (USER + turn.lead, 0.0),
            (turn.question, QUESTION_LOSS),
            (END + ASSISTANT, 0.0),
            (turn.answer + END, 1.0),
        ]
    return pieces


# 0.10 to 0.15 was best in the trial that this recipe comes from.
QUESTION_LOSS = 0.12
