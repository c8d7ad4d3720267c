# SPDX-License-Identifier: Apache-2.0
"""The prompt library: everybody's own, and those that members share with the office."""

import secrets
import sqlite3

import msgspec

from atre.errors import InvalidRequestError, NotFoundError
from atre_web.accounts.principal import Principal
from atre_web.chat.title import MAX_TITLE_CHARS, cleaned_title

MAX_PROMPT_CHARS = 20_000
_MAX_PROMPTS = 500  # of one person; a list that nobody reads any more
_ID_BYTES = 8
_FIND = """
SELECT prompts.id, title, text, is_shared, person_id, people.name AS author
FROM prompts JOIN people ON people.id = person_id
WHERE (person_id = ? OR is_shared = 1)
"""


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """A text to begin a question with; ``author`` is the name of whoever wrote it."""

    id: str
    title: str
    text: str
    is_shared: bool
    person_id: str
    author: str

    def is_kept_by(self, principal: Principal) -> bool:
        """Who may change or remove it: its author, and a manager where everybody sees it."""
        is_own = self.person_id == principal.person_id and principal.role != "guest"
        return is_own or (self.is_shared and principal.role == "manager")


def visible(connection: sqlite3.Connection, principal: Principal) -> list[Prompt]:
    """What somebody may use, by title."""
    rows = connection.execute(f"{_FIND} ORDER BY title COLLATE NOCASE", (principal.person_id,))
    return [_prompt(row) for row in rows]


def get(connection: sqlite3.Connection, principal: Principal, prompt_id: str) -> Prompt:
    """One that somebody may use. Raises NotFoundError, for other people's own too."""
    row = connection.execute(
        f"{_FIND} AND prompts.id = ?", (principal.person_id, prompt_id)
    ).fetchone()
    if row is None:
        raise NotFoundError("There is no such prompt for you on this box (any more).")
    return _prompt(row)


def create(
    connection: sqlite3.Connection,
    principal: Principal,
    title: str,
    text: str,
    *,
    is_shared: bool,
    now: float,
) -> str:
    """Keep a new one, and return its id. Raises InvalidRequestError."""
    (num,) = connection.execute(
        "SELECT count(*) FROM prompts WHERE person_id = ?", (principal.person_id,)
    ).fetchone()
    if num >= _MAX_PROMPTS:
        raise InvalidRequestError(f"You have {num} prompts already. Delete some first.")
    prompt_id = secrets.token_hex(_ID_BYTES)
    connection.execute(
        "INSERT INTO prompts VALUES (?, ?, ?, ?, ?, ?)",
        (prompt_id, principal.person_id, *_checked(title, text), is_shared, now),
    )
    return prompt_id


def change(
    connection: sqlite3.Connection,
    principal: Principal,
    prompt_id: str,
    title: str,
    text: str,
    *,
    is_shared: bool,
    now: float,
) -> None:
    """Change one. Raises NotFoundError, for those of others too, and InvalidRequestError."""
    _kept(connection, principal, prompt_id)
    connection.execute(
        "UPDATE prompts SET title = ?, text = ?, is_shared = ?, changed_at = ? WHERE id = ?",
        (*_checked(title, text), is_shared, now, prompt_id),
    )


def delete(connection: sqlite3.Connection, principal: Principal, prompt_id: str) -> None:
    """Remove one. Raises NotFoundError, for those of others too."""
    _kept(connection, principal, prompt_id)
    connection.execute("DELETE FROM prompts WHERE id = ?", (prompt_id,))


def _kept(connection: sqlite3.Connection, principal: Principal, prompt_id: str) -> None:
    if not get(connection, principal, prompt_id).is_kept_by(principal):
        raise NotFoundError("This prompt is somebody else's; you can use it, not change it.")


def _checked(title: str, text: str) -> tuple[str, str]:
    cleaned = cleaned_title(title)
    if cleaned is None:
        raise InvalidRequestError(
            f"A title has 1 to {MAX_TITLE_CHARS} visible characters.", param="title"
        )
    body = text.replace("\r\n", "\n").replace("\0", "").strip()
    if not 0 < len(body) <= MAX_PROMPT_CHARS:
        raise InvalidRequestError(f"A prompt has 1 to {MAX_PROMPT_CHARS} characters.", param="text")
    return cleaned, body


def _prompt(row: sqlite3.Row) -> Prompt:
    return msgspec.convert(dict(row), Prompt, strict=False)
