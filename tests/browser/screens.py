# SPDX-License-Identifier: Apache-2.0
"""Every page of the panel, and how to get there: what holds one page to a bar holds them all to it.

``test_screens.py`` fails for a route or a template that is not here: a new page needs a row.
"""

import json
from typing import TYPE_CHECKING

from tests.browser.appliance_screens import APPLIANCE_SCREENS
from tests.browser.screen import WRONG, Screen, unfold

if TYPE_CHECKING:
    from playwright.sync_api import Page

_ANSWERS = {
    "fr": """Non\u00a0: elles **restent ici**. Voyez [la page d’aide](https://box.example/help).

| Où | Quoi | Jusqu’à quand |
|---|---|---|
| dans ce boîtier | vos questions et les réponses | tant que vous les gardez |

1. Ouvrez l’aide.
2. Cherchez «\u00a0données\u00a0».

> Rien ne sort du bureau.

```
curl --cacert atre-ca.crt --header "Authorization: Bearer atre-…" https://atre-7f3a.local/v1/models
```
""",
    "en": """No: they **stay here**. See [the help page](https://box.example/help).

| Where | What | How long |
|---|---|---|
| in this box | your questions and the answers | as long as you keep them |

1. Open the help.
2. Search for “data”.

> Nothing leaves the office.

```
curl --cacert atre-ca.crt --header "Authorization: Bearer atre-…" https://atre-7f3a.local/v1/models
```
""",
}


def _sign_in_wrongly(page: "Page") -> None:
    page.locator("#login").fill("marie")
    page.locator("#password").fill(WRONG)
    page.locator("#password").press("Enter")
    page.get_by_role("alert").wait_for()


def _ask(page: "Page") -> None:
    """Ask, and have the browser see an answer that uses what Markdown has."""
    answer = _ANSWERS[page.evaluate("document.documentElement.lang")[:2]]
    event = json.dumps({"choices": [{"delta": {"content": answer}}]})
    page.route(
        "**/v1/chat/completions",
        lambda route: route.fulfill(
            content_type="text/event-stream", body=f"data: {event}\n\ndata: [DONE]\n\n"
        ),
    )
    page.locator("#suggestions button").nth(1).click()
    page.locator(".again:visible").wait_for()


def _keep(page: "Page") -> None:
    """Ask a question that the box keeps, and wait for whatever comes of it."""
    page.locator("#suggestions button").nth(1).click()
    page.wait_for_url("**/chat/*")
    page.locator(".again:visible").wait_for()


def _manage(page: "Page") -> None:
    _keep(page)
    page.locator(".head a.action").click()
    page.locator("#title").wait_for()


def _make_key(page: "Page") -> None:
    # Its name is new each time: one that is taken would be refused.
    page.locator("#key-name").fill(f"Tableur {page.evaluate('Date.now()')}")
    page.locator("#key-name").press("Enter")
    page.locator(".secret code").wait_for()


def _mistake_the_password(page: "Page") -> None:
    page.locator("#confirm").fill(WRONG)
    page.locator("#confirm").press("Enter")
    page.get_by_role("alert").wait_for()


def _renew_codes(page: "Page") -> None:
    page.locator("#confirm").fill("quatre mots à la suite")
    page.locator("#confirm").press("Enter")
    page.locator(".codes").wait_for()


def _invite(page: "Page") -> None:
    page.locator("#name").fill("Anne-Sophie")
    page.locator("#name").press("Enter")
    page.locator("#link").wait_for()


def _keep_the_box(page: "Page") -> None:
    # A transfer that another screen began.
    withdraw = page.locator('form[action="/transfer/withdraw"] button')
    if withdraw.count():
        withdraw.click()
        page.locator("#current").wait_for()


def _hand_over(page: "Page") -> None:
    _keep_the_box(page)
    page.locator("#current").fill("quatre mots à la suite")
    page.locator("#current").press("Enter")
    page.locator("#code").wait_for()


def _begin_to_hand_over(page: "Page") -> None:
    _hand_over(page)
    page.locator("main a.primary").click()
    page.locator('form[action="/transfer/withdraw"]').wait_for()


def _mistake_the_hours(page: "Page") -> None:
    page.locator('[name="tue_start"]').fill("19:00")
    page.locator("#sleep .primary").click()
    page.get_by_role("alert").wait_for()


def _show_sheet(page: "Page") -> None:
    page.locator("#current").fill("quatre mots à la suite")
    page.locator("#current").press("Enter")
    page.locator(".sheet .key").wait_for()


SCREENS: list[Screen] = [
    *APPLIANCE_SCREENS,
    *(
        Screen(
            name=name, rule=rule, path=rule, template=template, reader="nobody", host="unclaimed"
        )
        for name, rule, template in (
            ("claim", "/claim", "claim.html"),
            ("claim-restore", "/claim/restore", "claim_restore.html"),
        )
    ),
    Screen(name="login", rule="/login", path="/login", template="login.html", reader="nobody"),
    Screen(
        name="login-wrong",
        rule="/login",
        path="/login",
        template="login.html",
        reader="nobody",
        act=_sign_in_wrongly,
    ),
    Screen(
        name="recovery",
        rule="/login/recovery",
        path="/login/recovery",
        template="recovery.html",
        reader="nobody",
    ),
    Screen(
        name="invitation",
        rule="/invitation/<token>",
        path="/invitation/{invitation}",
        template="invitation.html",
        reader="nobody",
    ),
    Screen(
        name="reset",
        rule="/invitation/<token>",
        path="/invitation/{reset}",
        template="invitation.html",
        reader="nobody",
    ),
    Screen(
        name="link-used",
        rule="/invitation/<token>",
        path="/invitation/used",
        template="link_used.html",
        reader="nobody",
    ),
    Screen(name="empty", rule="/", path="/", template="chat.html"),
    Screen(name="chat", rule="/", path="/?temporary", template="chat.html", act=_ask),
    Screen(
        name="chat-kept",
        rule="/chat/<conversation_id>",
        path="/",
        template="chat.html",
        act=_keep,
    ),
    Screen(
        name="conversation",
        rule="/chat/<conversation_id>/manage",
        path="/",
        template="conversation.html",
        act=_manage,
    ),
    Screen(name="history", rule="/history", path="/history", template="history.html"),
    Screen(name="history-none", rule="/history", path="/history?q=zzyzx", template="history.html"),
    Screen(name="prompts", rule="/prompts", path="/prompts", template="prompts.html"),
    Screen(
        name="prompts-guest",
        rule="/prompts",
        path="/prompts",
        template="prompts.html",
        reader="guest",
    ),
    Screen(name="chat-stopped", rule="/", path="/", template="chat.html", host="stopped"),
    Screen(name="status", rule="/status", path="/status", template="status.html"),
    Screen(
        name="status-stopped",
        rule="/status",
        path="/status",
        template="status.html",
        host="stopped",
    ),
    Screen(name="home", rule="/admin", path="/admin", template="home.html"),
    Screen(name="network", rule="/network", path="/network", template="network.html"),
    Screen(name="usage", rule="/usage", path="/usage", template="usage.html"),
    *(
        Screen(name=name, rule=rule, path=rule, template=template, act=act)
        for name, rule, template, act in (
            ("backups", "/backups", "backups.html", None),
            ("backups-all", "/backups", "backups.html", unfold),
            ("backup-sheet", "/backups/sheet", "backup_sheet.html", None),
            ("backup-sheet-shown", "/backups/sheet", "backup_sheet.html", _show_sheet),
            ("backup-restore", "/backups/restore", "backup_restore.html", None),
            ("power", "/power", "power.html", unfold),
            ("power-settings", "/power/settings", "power_settings.html", unfold),
        )
    ),
    Screen(name="settings", rule="/settings", path="/settings", template="settings.html"),
    Screen(
        name="settings-wrong",
        rule="/settings",
        path="/settings",
        template="settings.html",
        act=_mistake_the_hours,
    ),
    Screen(
        name="transfer",
        rule="/transfer",
        path="/transfer",
        template="transfer.html",
        act=_keep_the_box,
    ),
    Screen(
        name="transfer-started",
        rule="/transfer",
        path="/transfer",
        template="transfer.html",
        act=_begin_to_hand_over,
    ),
    Screen(
        name="transfer-code",
        rule="/transfer",
        path="/transfer",
        template="transfer_code.html",
        act=_hand_over,
    ),
    Screen(name="system", rule="/system", path="/system", template="system.html"),
    Screen(name="audit", rule="/audit", path="/audit", template="audit.html"),
    Screen(name="help", rule="/help", path="/help", template="help.html"),
    Screen(
        name="help-search", rule="/help", path="/help?q=mod%C3%A8le+model", template="help.html"
    ),
    Screen(name="help-nothing", rule="/help", path="/help?q=zzyzx", template="help.html"),
    Screen(
        name="help-page", rule="/help/<name>", path="/help/openai-client", template="help_page.html"
    ),
    Screen(name="account", rule="/account", path="/account", template="account.html"),
    Screen(
        name="account-guest",
        rule="/account",
        path="/account",
        template="account.html",
        reader="guest",
    ),
    Screen(
        name="account-key", rule="/account", path="/account", template="account.html", act=_make_key
    ),
    Screen(
        name="account-wrong",
        rule="/account",
        path="/account",
        template="account.html",
        act=_mistake_the_password,
    ),
    Screen(
        name="recovery-codes",
        rule="/account",
        path="/account",
        template="recovery_codes.html",
        act=_renew_codes,
    ),
    Screen(name="people", rule="/people", path="/people", template="people.html"),
    Screen(name="invited", rule="/people", path="/people", template="invited.html", act=_invite),
    Screen(
        name="person", rule="/people/<person_id>", path="/people/{person}", template="person.html"
    ),
    Screen(
        name="person-delete",
        rule="/people/<person_id>/delete",
        path="/people/{person}/delete",
        template="person_delete.html",
    ),
    Screen(name="models", rule="/models", path="/models", template="models.html"),
    Screen(name="models-all", rule="/models", path="/models", template="models.html", act=unfold),
    Screen(
        name="models-unknown",
        rule="/models/remove",
        path="/models/remove?model=nobody",
        template="models.html",
    ),
    Screen(
        name="model-remove",
        rule="/models/remove",
        path="/models/remove?model=relecture",
        template="model_remove.html",
    ),
    Screen(name="trust", rule="/trust", path="/trust", template="trust.html", reader="nobody"),
    Screen(
        name="trust-open",
        rule="/trust",
        path="/trust",
        template="trust.html",
        reader="nobody",
        act=unfold,
    ),
    Screen(name="error", rule="", path="/nowhere", template="error.html"),
    Screen(name="forbidden", rule="/people", path="/people", template="error.html", reader="guest"),
]

# Routes that answer GET with something else than a page of ours.
NO_PAGES = frozenset(
    {
        "/static/<path:filename>",
        "/chat/<conversation_id>/export.<kind>",
        "/api/panel/conversations",
        "/api/panel/conversations/<conversation_id>",
        "/api/panel/conversations/<conversation_id>/answers/<int:answer_id>/events",
        "/api/panel/prompts",
        "/api/box/v1/models",
        "/api/box/v1/models/catalogue",
        "/api/box/v1/models/importable",
        "/api/panel/models.json",
        "/atre.mobileconfig",
        "/ca.cer",
        "/ca.crt",
        "/healthz",
        "/manifest.webmanifest",
        "/metrics",
        "/openapi.json",
        "/power.csv",
        "/usage.csv",
        "/audit.csv",
        "/api/panel/backups.json",
        "/api/panel/status.json",
        "/api/panel/updates.json",
        "/v1/engine",
        "/v1/models",
        "/v1/models/<path:model>",
    }
)
