# SPDX-License-Identifier: Apache-2.0
"""What came of the last stick, in ``state/stick.json``: the box's screen shows it."""

import contextlib
from pathlib import Path

import msgspec

from atre.sentence import Sentence
from atre.system.durable import write_durably

_FILE = "stick.json"


class StickNews(msgspec.Struct, frozen=True):
    """Since when this start of the machine, by its boot id, and what to say."""

    boot_id: str
    sentence: Sentence


def tell(state_dir: Path, news: StickNews) -> None:
    """A disk that takes none must not stop what the stick asked for: the news is then lost."""
    with contextlib.suppress(OSError):
        write_durably(state_dir / _FILE, msgspec.json.encode(news))


def read(state_dir: Path, boot_id: str) -> Sentence | None:
    """The news of this start of the machine."""
    try:
        news = msgspec.json.decode((state_dir / _FILE).read_bytes(), type=StickNews)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return news.sentence if news.boot_id == boot_id else None
