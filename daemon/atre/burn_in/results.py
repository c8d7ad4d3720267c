# SPDX-License-Identifier: Apache-2.0
"""What each probe found. None is what nobody could tell; it is never told as 0."""

import msgspec


class MemoryResult(msgspec.Struct, frozen=True, kw_only=True):
    """``tested_bytes`` of ``total_bytes`` held ``patterns`` patterns, but for ``wrong_words``.

    A word has 64 bits. ``first_wrong`` says where and how the first one differed.
    """

    tested_bytes: int
    total_bytes: int
    patterns: int
    wrong_words: int
    first_wrong: str = ""


class Smart(msgspec.Struct, frozen=True, kw_only=True):
    """What the drive says of itself; ``wear_percent`` may pass 100.

    Where only root may ask it, another program did, ``asked_min_ago`` minutes ago.
    """

    model: str = ""
    is_passed: bool | None = None
    wear_percent: int | None = None
    media_errors: int | None = None
    temperature_c: int | None = None
    powered_on_h: int | None = None
    asked_min_ago: int = 0


class DiskResult(msgspec.Struct, frozen=True, kw_only=True):
    """A file of ``file_bytes`` was written and read back ``rounds`` times.

    ``wrong_pieces`` came back otherwise than they were written. ``problem`` is the system's word
    for what ended the test before its time.
    """

    file_bytes: int
    rounds: int
    wrong_pieces: int
    write_bytes_s: float | None
    read_bytes_s: float | None
    problem: str = ""
    smart: Smart | None = None


class SoakResult(msgspec.Struct, frozen=True, kw_only=True):
    """The engine wrote ``answers`` answers of the same length, without a pause.

    The medians of the first and of the last third of them tell whether it grew slower.
    ``is_disturbed``: other programs wanted the processor too.
    """

    model: str
    answers: int
    tokens: int
    seconds: float
    first_tokens_s: float | None
    last_tokens_s: float | None
    slowest_tokens_s: float | None
    is_disturbed: bool = False
    problem: str = ""


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """The highest temperature of one sensor; ``limit_c`` is what its maker allows."""

    sensor: str
    max_c: float
    limit_c: float | None


class ThermalResult(msgspec.Struct, frozen=True, kw_only=True):
    """``throttled`` counts how often the processor slowed itself down for heat."""

    peaks: tuple[Peak, ...]
    throttled: int | None


class PowerResult(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine took over ``covered_s``, by the sources named in ``sources``."""

    sources: str
    mean_w: float | None
    max_w: float | None
    covered_s: float
