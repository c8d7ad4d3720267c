# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence as Items

_GRAM = 3  # tokens that must repeat before what followed them is believed to follow again
_WEIGHT = 0.15  # of one more token in the acceptance
_FIRST_ACCEPTANCE = 0.5


class PromptLookup:
    """Guesses a sequence's next tokens from its own earlier ones: quoting, rewriting, code.

    Prompt lookup decoding: the last tokens are looked for earlier in the sequence, and what
    followed them there is the draft. Every token that comes is also held against what would have
    been guessed, drafted or not, so ``acceptance`` is always known and costs nothing to learn.
    """

    def __init__(self) -> None:
        self.acceptance = _FIRST_ACCEPTANCE
        self._ends: dict[tuple[int, ...], int] = {}
        self._num_seen = 0
        self._guess_at: int | None = None

    def update(self, tokens: Items[int]) -> None:
        """Learn the tokens that came since the last call; ``tokens`` is the whole sequence."""
        for end in range(self._num_seen + 1, len(tokens) + 1):
            if self._guess_at is not None:
                hit = tokens[self._guess_at] == tokens[end - 1]
                self.acceptance += _WEIGHT * (hit - self.acceptance)
            gram = tuple(tokens[end - _GRAM : end]) if end >= _GRAM else ()
            self._guess_at = self._ends.get(gram)
            if gram:
                self._ends[gram] = end
        self._num_seen = len(tokens)

    @property
    def has_guess(self) -> bool:
        """Whether the last tokens were seen before, so that a draft would not be empty."""
        return self._guess_at is not None

    def draft(self, tokens: Items[int], length: int) -> list[int]:
        """Up to ``length`` tokens that may follow ``tokens``, as of the last ``update``.

        A repetition that reaches the end of the sequence is believed to go on.
        """
        if self._guess_at is None:
            return []
        draft = list(tokens[self._guess_at : self._guess_at + max(0, length)])
        period = len(tokens) - self._guess_at
        while len(draft) < length:
            draft.append(draft[-period])
        return draft
