# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """A question and the answer the model learns; ``lead`` is the passage put before the question.

    The lead carries no loss: it is given, and nobody wants the model to write passages.
    """

    question: str
    answer: str
    lead: str = ""
