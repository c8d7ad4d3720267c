# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from typing import Literal

Role = Literal["manager", "member", "guest"]
Scope = Literal["chat", "embeddings", "models", "metrics", "admin"]

SCOPES: tuple[Scope, ...] = ("chat", "embeddings", "models", "metrics", "admin")

# What the keys of a person may be for. A key never opens more than its person may do, even if the
# person's role was lowered after the key was made.
SCOPES_OF_ROLE: dict[Role, frozenset[Scope]] = {
    "manager": frozenset(SCOPES),
    "member": frozenset({"chat", "embeddings", "models"}),
    "guest": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a request: an API key or a panel session of ``person_id``.

    ``id`` is unique within its kind; ``name`` is the key's or the person's. A session may do what
    ``role`` may, a key only what its ``scopes`` say. The keys of the box itself have the person
    ``people.LOCAL``.
    """

    kind: Literal["key", "session"]
    name: str
    id: str
    person_id: str
    role: Role
    scopes: frozenset[Scope] = frozenset()
