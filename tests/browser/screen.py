# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Page

# A box that works; one that is nobody's yet; one whose other processes do not run; and panels whose
# ``atred`` is played, named after the state of their update.
Host = Literal[
    "office", "unclaimed", "stopped", "ready", "writing", "waiting", "trial", "returned", "absent"
]
Reader = Literal["nobody", "guest", "manager"]
WRONG = "ceci n’est pas le mot de passe"


@dataclass(frozen=True, kw_only=True)
class Screen:
    """One page in one state.

    ``path`` may name a place of the office in braces; ``act`` then does there what makes the page,
    and finds its way without words, for it goes in either language.
    """

    name: str
    rule: str
    path: str
    template: str
    reader: Reader = "manager"
    host: Host = "office"
    act: "Callable[[Page], None] | None" = None


def unfold(page: "Page") -> None:
    """Open what is folded."""
    # Not by clicks: of parts that share a name, only one stays open.
    page.evaluate(
        "() => document.querySelectorAll('details').forEach((part) => {"
        " part.removeAttribute('name'); part.open = true; })"
    )
