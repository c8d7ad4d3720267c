# SPDX-License-Identifier: Apache-2.0
"""The one door to snowballstemmer."""

import snowballstemmer

_ALGORITHMS = {"fr": "french", "en": "english"}


def stem(word: str, language: str) -> str:
    """What a word shares with its plural and its other forms: "changer" gives "chang".

    ``word`` is in lower case; a language without a stemmer gives the word itself.
    """
    algorithm = _ALGORITHMS.get(language)
    if algorithm is None:
        return word
    # A stemmer keeps its word in itself, so threads must not share one; making one is cheap.
    stemmed: str = snowballstemmer.stemmer(algorithm).stemWord(word)
    return stemmed
