# SPDX-License-Identifier: Apache-2.0
import random

import pytest

from atre.engine.detokenizer import Detokenizer, StopStrings

TEXT = "Été à l’œuvre : 12 € ✓ 漢字 🏠👨‍👩‍👧 fin"


def cut(data: bytes, rng: random.Random) -> list[bytes]:
    pieces = []
    while data:
        size = rng.randint(1, 3)
        pieces.append(data[:size])
        data = data[size:]
    return pieces


@pytest.mark.parametrize("seed", range(50))
def test_characters_come_whole_however_the_bytes_are_cut(seed: int) -> None:
    detokenizer = Detokenizer()
    parts = [detokenizer.push(piece) for piece in cut(TEXT.encode(), random.Random(seed))]
    assert "".join(parts) == TEXT


@pytest.mark.parametrize(
    ("pieces", "text"),
    [
        ([b"a", b"\xff", b"b"], "ab"),
        ([b"\xc3", b"x"], "x"),
        ([b"\xe2\x82", b"\xe2\x82\xac"], "€"),
        ([b"ok \xf0\x9f"], "ok "),
    ],
)
def test_broken_bytes_never_reach_the_reader(pieces: list[bytes], text: str) -> None:
    detokenizer = Detokenizer()
    assert "".join(detokenizer.push(piece) for piece in pieces) == text


@pytest.mark.parametrize("seed", range(100))
def test_a_stop_string_cuts_at_its_first_place_however_it_arrives(seed: int) -> None:
    rng = random.Random(seed)
    text = "".join(rng.choice("ab") for _ in range(30))
    stops = ["".join(rng.choice("ab") for _ in range(rng.randint(1, 5))) for _ in range(3)]
    places = [text.index(stop) for stop in stops if stop in text]
    matcher = StopStrings(stops)
    sent = ""
    for character in text:
        part, stopped = matcher.push(character)
        sent += part
        if stopped:
            break
    else:
        sent += matcher.flush()
        assert not places
        assert sent == text
        return
    # Fed character by character, the stop that is complete first wins.
    first_end = min(text.index(stop) + len(stop) for stop in stops if stop in text)
    assert sent == text[: min(text.index(s) for s in stops if text[:first_end].endswith(s))]


def test_a_possible_start_of_a_stop_is_held_back_and_released() -> None:
    matcher = StopStrings(["###"])
    assert matcher.push("a##") == ("a", False)
    assert matcher.push("b") == ("##b", False)
    assert matcher.push("#") == ("", False)
    assert matcher.flush() == "#"
