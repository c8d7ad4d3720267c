# SPDX-License-Identifier: Apache-2.0
"""What every sentence for people has to keep to in its two languages."""

import re
from collections import Counter

from atre.sentence import Sentence


def is_french(sentence: Sentence) -> None:
    """No fact is missing, the typography is right, and it is not the English text."""
    assert sentence.text
    assert sentence.text_fr
    assert sentence.text != sentence.text_fr
    assert not re.search(r"[^\N{NO-BREAK SPACE}:/][:;](?: |$)", sentence.text_fr), sentence.text_fr
    assert not re.search(r" [:;]", sentence.text_fr), sentence.text_fr


def has_the_same_facts(sentence: Sentence) -> None:
    """It is French, and every number and quoted word of one language is in the other."""
    is_french(sentence)
    assert _facts(sentence.text) == _facts(sentence.text_fr), sentence


def _facts(text: str) -> Counter[str]:
    return Counter(re.findall(r"\d+|`[^`]*`|=[\w .]*", text.replace("--alias NAME", "--alias NOM")))
