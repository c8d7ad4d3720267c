# SPDX-License-Identifier: Apache-2.0
"""Whether the finder was trained on the questions as they are now."""

import hashlib

from factory_model.phrasebook import LANGUAGES, Phrasebook


def digest(book: Phrasebook) -> str:
    """sha256 of the topics and of the questions and keywords of each, as hexadecimal digits."""
    whole = hashlib.sha256()
    for intent in book.intents:
        for language in LANGUAGES:
            wording = intent.wordings[language]
            lines = (*wording.questions, *wording.sayings, *wording.keywords)
            whole.update("\n".join((intent.name, language, *lines, "")).encode())
    return whole.hexdigest()
