# SPDX-License-Identifier: Apache-2.0
import msgspec


class Sentence(msgspec.Struct, frozen=True):
    """What is said to a person, in English and French."""

    text: str
    text_fr: str

    def spoken(self, *, french: bool) -> str:
        return self.text_fr if french else self.text


NOTHING = Sentence("", "")
