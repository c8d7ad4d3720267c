# SPDX-License-Identifier: Apache-2.0
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from atre.space.limits import passes, read_limits
from atre.space.words import in_words
from atre_web.chat.attachment import Attachment, AttachmentError

OVER_LIMIT = "files_over_limit"


def require_within_limit(
    connection: sqlite3.Connection, data_dir: Path, files: Sequence[Attachment]
) -> None:
    """Refuse files with which all would pass the manager's limit. Raises AttachmentError."""
    limit = read_limits(data_dir / "state").attachments if files else None
    if limit is None:
        return
    (used,) = connection.execute(
        "SELECT coalesce(sum(length(CAST(text AS BLOB))), 0) FROM attachments"
    ).fetchone()
    if passes(limit, used, sum(len(each.text.encode()) for each in files)):
        raise AttachmentError(
            OVER_LIMIT,
            files[0].name,
            f"The files that were attached to questions take {in_words(used)} of the "
            f"{in_words(limit)} that the box gives them. Delete conversations with files, or ask "
            "whoever runs the box for more room.",
        )
