# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who makes a request: an API key or a panel session. ``id`` is unique within its kind."""

    kind: Literal["key", "session"]
    name: str
    id: str
