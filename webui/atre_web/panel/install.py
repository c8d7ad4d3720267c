# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from atre.handbook.page import default_handbook_dir
from atre_web.accounts import guard
from atre_web.accounts.authorisation import TABLE, Table
from atre_web.accounts.current import Accounts
from atre_web.accounts.meter import AskEnergy, nobody_knows
from atre_web.accounts.running import Running
from atre_web.appliance import notice
from atre_web.chat import desk
from atre_web.chat.desk import Desk
from atre_web.factory import guidance
from atre_web.office import places
from atre_web.panel import (
    account_pages,
    chat_api,
    chat_pages,
    claim_page,
    compression,
    error_page,
    headers,
    help_pages,
    inline_style,
    invitation_page,
    language,
    login,
    manifest,
    pages,
    people_pages,
    prompt_pages,
    snapshot,
    transfer_page,
    wording,
)
from atre_web.panel.markdown import answer_html
from atre_web.panel.snapshot import Box, Embedder, Engine, Sources


def install(
    app: Flask,
    *,
    database: Path,
    engine: Engine,
    box: Box,
    embedder: Embedder | None = None,
    clock: Callable[[], float] = time.time,
    uptime: Callable[[], float] = time.monotonic,
    running: Running | None = None,
    on_claim: Callable[[], None] = lambda: None,
    ask_energy: AskEnergy = nobody_knows,
    free_bytes: Callable[[Path], int | None] = snapshot.free_bytes,
    table: Table = TABLE,
) -> None:
    """Put the guard, the security headers, the languages and the panel's pages on ``app``.

    Call it before other blueprints add their own request hooks: the guard must come first.
    """
    desk.install(app, Desk(database, clock, uptime))
    refusals = guard.Pages(sign_in=login.for_stranger, forbidden=error_page.forbidden)
    shared = running or Running(database.parent / "requests")
    accounts = Accounts(database, clock, shared, uptime, on_claim=on_claim, ask_energy=ask_energy)
    guard.install(app, accounts, pages=refusals, table=table)
    headers.install(app)
    inline_style.install(app)
    compression.install(app)
    language.install(app)
    wording.install(app)
    snapshot.install(app, Sources(engine, box, embedder, free_bytes))
    guidance.install(app, help_pages.install(app, default_handbook_dir()))
    app.jinja_env.filters["answer_html"] = answer_html
    app.jinja_env.filters["decimal"] = wording.decimal
    app.jinja_env.globals["current_role"] = places.current_role
    app.jinja_env.globals["places"] = places.places
    app.jinja_env.globals["rooms"] = places.rooms
    app.jinja_env.globals["is_in_administration"] = places.is_in_administration
    app.jinja_env.filters["moment"] = wording.moment
    app.jinja_env.globals["presence_notice"] = notice.text
    for room in (
        claim_page,
        login,
        invitation_page,
        account_pages,
        people_pages,
        pages,
        manifest,
        notice,
        chat_pages,
        chat_api,
        prompt_pages,
        transfer_page,
    ):
        app.register_blueprint(room.blueprint)
