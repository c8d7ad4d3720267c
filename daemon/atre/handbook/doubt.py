# SPDX-License-Identifier: Apache-2.0
"""The sentences of somebody who does not know; pure."""

from collections.abc import Sequence

_QUOTED = {"fr": "«\u00a0{}\u00a0»", "en": "“{}”"}
_OR = {"fr": " ou ", "en": " or "}
_DID_YOU_MEAN = {
    "fr": "Je ne sais pas. Vouliez-vous dire\u00a0: {}\u00a0?",
    "en": "I do not know. Did you mean: {}?",
}


def did_you_mean(titles: Sequence[str], language: str) -> str:
    """That one does not know, with the titles of one page or more that may be meant."""
    *first, last = [_QUOTED[language].format(title) for title in titles]
    listed = _OR[language].join((", ".join(first), last)) if first else last
    return _DID_YOU_MEAN[language].format(listed)
