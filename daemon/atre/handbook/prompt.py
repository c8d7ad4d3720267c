# SPDX-License-Identifier: Apache-2.0
"""How a question is put to the factory model with a passage; its training uses the same words."""

# The no-break space is French typography.
_FORMS = {
    "fr": "Passage\u00a0:\n{passage}\n\nQuestion\u00a0:\n",
    "en": "Passage:\n{passage}\n\nQuestion:\n",
}
# What the model answers when the passage does not hold the answer.
UNKNOWN = {"fr": "Je ne sais pas.", "en": "I do not know."}


def before_question(passage: str, language: str) -> str:
    """What stands before a question that is to be answered from ``passage``."""
    return _FORMS[language].replace("{passage}", passage)
