# SPDX-License-Identifier: Apache-2.0
import msgspec


class Sentence(msgspec.Struct, frozen=True):
    """What is said to a person, in English and French."""

    text: str
    text_fr: str

    def spoken(self, *, french: bool) -> str:
        return self.text_fr if french else self.text


NOTHING = Sentence("", "")


def counted(count: int, one: str, many: str, *, french: bool = False) -> str:
    """A number and what it counts: French says nothing of many for 0 and 1, English for 1 alone."""
    is_one = abs(count) <= 1 if french else count == 1
    return f"{count} {one if is_one else many}"
