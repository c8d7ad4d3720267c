# SPDX-License-Identifier: Apache-2.0
"""Who may use which route: the whole answer, in one table. A route that is not in it is closed.

Each row is a method and a rule as Flask writes it. The audience is the least that a session must
be; the scope is what a key must be for, None for routes that no key opens. HEAD goes with GET,
OPTIONS with any of a rule's methods. ``tests/unit/routes.txt`` holds what comes of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from flask import Flask

from atre_web.accounts.principal import Principal, Scope
from atre_web.trust.rules import TRUST_RULES

Audience = Literal["anybody", "guest", "member", "manager"]

_RANK: dict[Audience, int] = {"anybody": 0, "guest": 1, "member": 2, "manager": 3}


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use one route."""

    audience: Audience
    scope: Scope | None


Table = Mapping[str, Access]

_OPEN = Access("anybody", None)
_PAGE = Access("guest", "admin")  # what everybody sees who is signed in
_OWN = Access("guest", None)  # a person's own account: a key is no person
_OWN_KEYS = Access("member", None)
_OWN_PROMPTS = Access("member", None)
_CHAT = Access("guest", "chat")
_MANAGE = Access("manager", "admin")
_OWNER = Access("manager", None)

TABLE: dict[str, Access] = {
    # Their own tokens, codes and passwords open these.
    "GET /healthz": _OPEN,
    **{f"GET {rule}": _OPEN for rule in sorted(TRUST_RULES)},
    "GET /login": _OPEN,
    "POST /login": _OPEN,
    "GET /login/presence": _OPEN,
    "POST /login/presence": _OPEN,
    "GET /login/recovery": _OPEN,
    "POST /login/recovery": _OPEN,
    "GET /claim": _OPEN,
    "POST /claim": _OPEN,
    "GET /claim/restore": _OPEN,
    "POST /claim/restore": _OPEN,
    # The link holds the secret of one change, which is on trial for 30 seconds.
    "GET /network/address/<change_id>": _OPEN,
    "POST /network/address/<change_id>": _OPEN,
    "GET /invitation/<token>": _OPEN,
    "POST /invitation/<token>": _OPEN,
    # The API
    "GET /v1/models": Access("guest", "models"),
    "GET /v1/models/<path:model>": Access("guest", "models"),
    "GET /v1/engine": Access("member", "models"),
    "GET /openapi.json": Access("guest", "models"),
    "GET /metrics": Access("manager", "metrics"),
    "POST /v1/chat/completions": _CHAT,
    "POST /v1/completions": _CHAT,
    "POST /v1/embeddings": Access("member", "embeddings"),
    # Pages
    "GET /": _PAGE,
    "GET /static/<path:filename>": _PAGE,
    "GET /manifest.webmanifest": _PAGE,
    "GET /api/panel/status.json": _PAGE,
    "GET /help": _PAGE,
    "GET /help/<name>": _PAGE,
    "GET /status": Access("member", "admin"),
    "POST /logout": _OWN,
    "POST /notice/seen": _OWN,
    # One's own conversations: no role sees those of others
    "POST /chat": _OWN,
    "GET /chat/<conversation_id>": _OWN,
    "POST /chat/<conversation_id>": _OWN,
    "POST /chat/<conversation_id>/answers": _OWN,
    "POST /chat/<conversation_id>/stop": _OWN,
    "GET /chat/<conversation_id>/manage": _OWN,
    "POST /chat/<conversation_id>/rename": _OWN,
    "POST /chat/<conversation_id>/delete": _OWN,
    "GET /chat/<conversation_id>/export.<kind>": _OWN,
    "GET /history": _OWN,
    "GET /api/panel/conversations": _OWN,
    "POST /api/panel/conversations": _OWN,
    "GET /api/panel/conversations/<conversation_id>": _OWN,
    "PATCH /api/panel/conversations/<conversation_id>": _OWN,
    "DELETE /api/panel/conversations/<conversation_id>": _OWN,
    "POST /api/panel/conversations/<conversation_id>/questions": _OWN,
    "POST /api/panel/conversations/<conversation_id>/answers": _OWN,
    "POST /api/panel/conversations/<conversation_id>/answers/<int:answer_id>/stop": _OWN,
    "GET /api/panel/conversations/<conversation_id>/answers/<int:answer_id>/events": _OWN,
    "POST /api/panel/attachments": _OWN,
    # Prompts to begin with: guests use those that are shared
    "GET /prompts": _OWN,
    "GET /api/panel/prompts": _OWN,
    "POST /prompts": _OWN_PROMPTS,
    "POST /prompts/<prompt_id>": _OWN_PROMPTS,
    "POST /prompts/<prompt_id>/delete": _OWN_PROMPTS,
    # One's own account
    "GET /account": _OWN,
    "POST /account": _OWN,
    "POST /account/password": _OWN,
    "POST /account/recovery": _OWN,
    "POST /account/sessions/<session_id>/end": _OWN,
    "POST /account/keys": _OWN_KEYS,
    "POST /account/keys/<key_id>/revoke": _OWN_KEYS,
    # Models
    "GET /models": _MANAGE,
    "GET /api/panel/models.json": _MANAGE,
    "POST /models/pull": _MANAGE,
    "POST /models/import": _MANAGE,
    "POST /models/verify": _MANAGE,
    "POST /models/cancel": _MANAGE,
    "POST /models/use": _MANAGE,
    "GET /models/remove": _MANAGE,
    "POST /models/remove": _MANAGE,
    "POST /models/forget-unfinished": _MANAGE,
    "GET /api/box/v1/models": _MANAGE,
    "GET /api/box/v1/models/catalogue": _MANAGE,
    "GET /api/box/v1/models/importable": _MANAGE,
    "POST /api/box/v1/models/pull": _MANAGE,
    "POST /api/box/v1/models/import": _MANAGE,
    "POST /api/box/v1/models/verify": _MANAGE,
    "POST /api/box/v1/models/cancel": _MANAGE,
    "POST /api/box/v1/models/use": _MANAGE,
    "POST /api/box/v1/models/remove": _MANAGE,
    "POST /api/box/v1/models/forget-unfinished": _MANAGE,
    # Backups: what opens them, or brings one back, takes a person
    "GET /backups": _MANAGE,
    "GET /api/panel/backups.json": _MANAGE,
    "POST /backups/create": _MANAGE,
    "POST /backups/verify": _MANAGE,
    "POST /backups/drill": _MANAGE,
    "POST /backups/thin": _MANAGE,
    "POST /backups/cancel": _MANAGE,
    "POST /backups/policy": _MANAGE,
    "POST /backups/targets/disk": _MANAGE,
    "POST /backups/targets/ignore": _MANAGE,
    "POST /backups/targets/format": _OWNER,
    "POST /backups/targets/folder": _MANAGE,
    "POST /backups/targets/server": _MANAGE,
    "POST /backups/targets/release": _MANAGE,
    "POST /backups/targets/rename": _MANAGE,
    "POST /backups/targets/remove": _MANAGE,
    "GET /backups/sheet": _OWNER,
    "POST /backups/sheet": _OWNER,
    "POST /backups/sheet/confirm": _OWNER,
    "POST /backups/keys/add": _OWNER,
    "POST /backups/keys/remove": _OWNER,
    "GET /backups/restore": _OWNER,
    "POST /backups/restore": _OWNER,
    "POST /backups/restore/apply": _OWNER,
    "POST /backups/restore/confirm": _OWNER,
    "POST /backups/restore/undo": _OWNER,
    # Updates: going back, or keeping what is on trial, takes a person
    "GET /updates": _MANAGE,
    "GET /api/panel/updates.json": _MANAGE,
    "POST /updates/check": _MANAGE,
    "POST /updates/upload": _MANAGE,
    "POST /updates/install": _MANAGE,
    "POST /updates/cancel": _MANAGE,
    "POST /updates/restart": _MANAGE,
    "POST /updates/policy": _MANAGE,
    "POST /updates/confirm": _OWNER,
    "POST /updates/back": _OWNER,
    # Usage: everybody's own; a manager's is everybody's
    "GET /usage": _PAGE,
    "GET /usage.csv": _PAGE,
    # The office
    "GET /admin": _MANAGE,
    "GET /network": _MANAGE,
    "POST /network/discovery": _MANAGE,
    "POST /network/certificate": _MANAGE,
    "POST /network/certificate/reset": _MANAGE,
    "GET /power": _MANAGE,
    "GET /power.csv": _MANAGE,
    "GET /power/settings": _MANAGE,
    "POST /power/settings": _MANAGE,
    "POST /power/calibration/forget": _MANAGE,
    "POST /power/eco": _MANAGE,
    "GET /settings": _MANAGE,
    "POST /settings": _MANAGE,
    "POST /settings/sleep": _MANAGE,
    "GET /system": _MANAGE,
    "POST /system/engine/restart": _MANAGE,
    "POST /system/bundle": _MANAGE,
    "POST /system/space": _MANAGE,
    "GET /audit": _MANAGE,
    "GET /audit.csv": _MANAGE,
    # The box itself: a key is no person who could type a password
    "GET /network/address": _OWNER,
    "POST /network/address": _OWNER,
    "POST /network/address/undo": _OWNER,
    "GET /reset": _OWNER,
    "POST /reset": _OWNER,
    "POST /reset/undo": _OWNER,
    "GET /transfer": _OWNER,
    "POST /transfer": _OWNER,
    "POST /transfer/withdraw": _OWNER,
    # People and groups
    "GET /people": _MANAGE,
    "POST /people/invitations": _MANAGE,
    "POST /people/invitations/<invitation_id>/revoke": _MANAGE,
    "POST /people/groups": _MANAGE,
    "POST /people/groups/<group_id>/delete": _MANAGE,
    "POST /people/groups/<group_id>/rename": _MANAGE,
    "GET /people/<person_id>": _MANAGE,
    "POST /people/<person_id>": _MANAGE,
    "POST /people/<person_id>/door": _MANAGE,
    "POST /people/<person_id>/reset": _MANAGE,
    "GET /people/<person_id>/delete": _MANAGE,
    "POST /people/<person_id>/delete": _MANAGE,
}


def access(table: Table, rule: str, method: str) -> Access | None:
    """The row of a route, or None: then nobody may use it."""
    if method == "HEAD":
        return table.get(f"GET {rule}")
    if method == "OPTIONS":
        rows = [table[key] for key in table if key.split(" ", 1)[1] == rule]
        return min(rows, key=lambda row: _RANK[row.audience], default=None)
    return table.get(f"{method} {rule}")


def may(principal: Principal, wanted: Access) -> bool:
    """Whether this principal may use a route of that row."""
    if principal.kind == "key":
        return wanted.scope is not None and wanted.scope in principal.scopes
    return _RANK[principal.role] >= _RANK[wanted.audience]


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Every (method, rule) that the application answers, those that Flask adds left out."""
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            if method not in {"HEAD", "OPTIONS"}:
                yield method, rule.rule


def check(app: Flask, table: Table) -> None:
    """Refuse to start with a route that is not in the table, or a row without a route."""
    served = {f"{method} {rule}" for method, rule in routes(app)}
    forgotten, left_over = sorted(served - table.keys()), sorted(table.keys() - served)
    if forgotten or left_over:
        raise RuntimeError(
            f"accounts/authorisation.py must say who may use each route. Missing: {forgotten}; "
            f"no longer served: {left_over}."
        )
