# SPDX-License-Identifier: Apache-2.0
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask

from atre.handbook.page import default_handbook_dir
from atre_web.accounts import guard
from atre_web.factory import guidance
from atre_web.panel import headers, help_pages, inline_style, language, login, pages, snapshot
from atre_web.panel.snapshot import Box, Embedder, Engine, Sources


def install(
    app: Flask,
    *,
    database: Path,
    engine: Engine,
    box: Box,
    embedder: Embedder | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Put the guard, the security headers, the languages and the panel's pages on ``app``.

    Call it before other blueprints add their own request hooks: the guard must come first.
    """
    guard.install(app, database, login_page=login.page, clock=clock)
    headers.install(app)
    inline_style.install(app)
    language.install(app)
    snapshot.install(app, Sources(engine, box, embedder))
    guidance.install(app, help_pages.install(app, default_handbook_dir()))
    app.register_blueprint(login.blueprint)
    app.register_blueprint(pages.blueprint)
