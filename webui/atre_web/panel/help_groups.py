# SPDX-License-Identifier: Apache-2.0
"""The pages of the handbook by who reads them; pure."""

from collections.abc import Sequence
from typing import Literal

from atre.handbook.page import Page

Group = Literal["everybody", "manager", "data", "programs"]

_GROUPS: dict[Group, tuple[str, ...]] = {
    "everybody": (
        "open-the-panel", "log-in", "use-the-chat", "conversations", "attach-files", "prompts",
        "my-account", "forgotten-password", "certificate-windows", "certificate-macos",
        "certificate-android", "certificate-iphone", "box-not-found", "queue", "privacy",
        "factory-model", "about-atre", "status-page",
    ),
    "manager": (
        "claim-the-box", "manage-the-box", "invite-a-colleague", "roles-and-limits",
        "change-model", "adapters", "let-the-model-sleep", "network-address", "own-certificate",
        "usage", "power", "office-settings", "system-support", "check-the-hardware",
        "measure-the-speed", "stop-and-restart", "hand-over-the-box",
    ),
    "data": (
        "keep-the-data", "back-up", "backup-disk", "recovery-sheet", "restore", "full-disk",
    ),
    "programs": (
        "api-key", "openai-client", "embeddings", "langchain", "n8n", "open-webui", "libreoffice",
    ),
}  # fmt: skip


def grouped(pages: Sequence[Page]) -> list[tuple[Group, list[Page]]]:
    """The pages under their groups, each as its group has them; a page of none is the manager's."""
    by_name = {page.name: page for page in pages}
    placed = {name for names in _GROUPS.values() for name in names}
    strays = tuple(page.name for page in pages if page.name not in placed)
    found = [
        (group, [by_name[name] for name in (*names, *(strays if group == "manager" else ()))
                 if name in by_name])
        for group, names in _GROUPS.items()
    ]  # fmt: skip
    return [(group, listed) for group, listed in found if listed]
