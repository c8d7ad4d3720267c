# SPDX-License-Identifier: Apache-2.0
import numpy as np

from atre.engine.radix_tree import Tokens
from atre.engine.snapshots import Prefix, Snapshots


def array(text: str) -> Tokens:
    return np.frombuffer(text.encode(), np.uint8).astype(np.int32)


def put(snapshots: Snapshots, text: str, user: str = "anna") -> None:
    snapshots.put(Prefix(user, array(text)), bytearray(text, "utf-8"))


def longest(snapshots: Snapshots, text: str, user: str = "anna") -> tuple[int, bytes]:
    found = snapshots.longest(user, array(text))
    return (found[0], bytes(found[1].state)) if found else (0, b"")


def whole(snapshots: Snapshots, text: str) -> bytes:
    found = snapshots.longest_whole("anna", array(text))
    return bytes(found.state) if found else b""


def test_the_copy_that_starts_most_alike_is_found() -> None:
    snapshots = Snapshots(max_bytes=100)
    for text in ("bonjour", "bonsoir", "adieu"):
        put(snapshots, text)
    assert longest(snapshots, "bonsoin") == (6, b"bonsoir")
    assert longest(snapshots, "bonjour monde") == (7, b"bonjour")
    assert longest(snapshots, "salut") == (0, b"")
    assert longest(snapshots, "adieu", user="bo") == (0, b""), "another person's copy"


def test_the_longest_that_is_a_start_as_a_whole_is_found() -> None:
    snapshots = Snapshots(max_bytes=100)
    for text in ("bon", "bonjour", "bonsoir"):
        put(snapshots, text)
    assert whole(snapshots, "bonjour monde") == b"bonjour"
    assert whole(snapshots, "bonjo") == b"bon"
    assert whole(snapshots, "bo") == b""


def test_the_least_recently_used_goes_when_there_are_too_many_bytes() -> None:
    snapshots = Snapshots(max_bytes=10)
    put(snapshots, "aaaa")
    put(snapshots, "bbbb")
    found = snapshots.longest("anna", array("aaaa"))
    assert found is not None
    snapshots.use(found[1])
    put(snapshots, "cccc")
    assert [longest(snapshots, text)[0] for text in ("aaaa", "bbbb", "cccc")] == [4, 0, 4]
    assert snapshots.num_bytes == 8


def test_what_is_larger_than_the_room_costs_no_other_its_place() -> None:
    snapshots = Snapshots(max_bytes=10)
    put(snapshots, "aaaa")
    put(snapshots, "b" * 11)
    assert longest(snapshots, "aaaa")[0] == 4
    assert longest(snapshots, "bbbb")[0] == 0
    assert snapshots.num_bytes == 4


def test_the_same_tokens_are_kept_once() -> None:
    snapshots = Snapshots(max_bytes=10)
    for _ in range(3):
        put(snapshots, "aaaa")
    assert snapshots.num_bytes == 4


def test_copies_that_a_longer_one_covers_are_dropped() -> None:
    snapshots = Snapshots(max_bytes=100)
    for text in ("bon", "bonjour", "bonsoir"):
        put(snapshots, text)
    snapshots.drop_covered(Prefix("anna", array("bonjour monde")))
    assert snapshots.num_bytes == len("bonsoir")
    assert whole(snapshots, "bonjour monde") == b""
    snapshots.clear()
    assert snapshots.num_bytes == longest(snapshots, "bonsoir")[0] == 0
