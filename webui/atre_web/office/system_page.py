# SPDX-License-Identifier: Apache-2.0
"""What the box is made of, what its processes say, and what helps a helper."""

import platform
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre import __version__
from atre.errors import AtreError
from atre_web.accounts import current, usage
from atre_web.backups.blueprint import media
from atre_web.office.log_lines import last_lines, processes
from atre_web.office.space_card import SpaceCard, card
from atre_web.office.verbs import verbs
from atre_web.panel import snapshot
from atre_web.panel.snapshot import UNKNOWN, Snapshot
from atre_web.panel.wording import duration, gettext, moment, quoted

blueprint = Blueprint("system", __name__)

_NUM_LINES = 200
_STARTED_AT = time.time()


@blueprint.get("/system")
def show() -> Response:
    """The page; ``?log=`` is the process whose lines are shown."""
    restarting = gettext("Le moteur redémarre : il répond de nouveau dans une minute environ.")
    return page(
        message=restarting if request.args.get("done") == "restart" else "",
        space_message=gettext("C’est enregistré.") if request.args.get("done") == "space" else "",
    )


@blueprint.post("/system/engine/restart")
def restart_engine() -> Response:
    """End the engine and start it again."""
    try:
        verbs().restart_engine()
    except AtreError as error:
        return page(
            503, problem=gettext("Le moteur n’a pas été redémarré."), detail=quoted(error.sentence)
        )
    current.record("engine.restart")
    return redirect("/system?done=restart", 303)


@blueprint.post("/system/bundle")
def bundle() -> Response:
    """Make the file for a helper, and hand it out."""
    try:
        made = verbs().support_bundle()
    except AtreError as error:
        return page(
            503, problem=gettext("Le fichier n’a pas pu être fait."), detail=quoted(error.sentence)
        )
    current.record("support.bundle")
    response = make_response(made.archive)
    response.content_type = "application/gzip"
    response.headers.set("Content-Disposition", "attachment", filename="atre-support.tar.gz")
    return response


def page(status: int = 200, *, space: SpaceCard | None = None, **shown: Any) -> Response:
    """The page, with ``space`` as it was typed and what is wrong or was done."""
    logs_dir = current.data_dir() / "logs"
    known = processes(logs_dir)
    asked = request.args.get("log", "")
    chosen = asked if asked in known else next(iter(known), "")
    now = snapshot.take()
    body = render_template(
        "system.html",
        versions=list(_versions()),
        uptimes=list(_uptimes(now)),
        clock=_clock(now.now),
        processes=known,
        chosen=chosen,
        lines=last_lines(logs_dir, chosen, _NUM_LINES),
        space=_space(space),
        **shown,
    )
    return make_response(body, status)


def _space(typed: SpaceCard | None) -> SpaceCard | None:
    """What takes the room, None while nobody can say."""
    try:
        now = card(media().space())
    except AtreError:
        return None
    return replace(typed, parts=now.parts) if typed else now


def _versions() -> Iterator[tuple[str, str]]:
    yield "Âtre", __version__
    try:
        yield "llama.cpp (llama-cpp-python)", version("llama-cpp-python")
    except PackageNotFoundError:
        yield "llama.cpp (llama-cpp-python)", UNKNOWN
    yield "Python", platform.python_version()
    yield gettext("Système"), _system()
    yield gettext("Noyau"), f"{platform.system()} {platform.release()}"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform(aliased=True, terse=True)


def _uptimes(now: Snapshot) -> Iterator[tuple[str, str]]:
    """How long each process has worked, — for one that does not answer."""
    starts = {
        gettext("Moteur"): now.engine.started_at if now.engine else None,
        gettext("Administration"): now.box.started_at if now.box else None,
        gettext("Panneau et API"): _STARTED_AT,
    }
    if now.has_embedder:
        starts[gettext("Vecteurs")] = now.embedder.started_at if now.embedder else None
    for name, started_at in starts.items():
        yield name, UNKNOWN if started_at is None else duration(now.now - started_at)


def _clock(now: float) -> str:
    here: datetime = usage.local_time(current.connection(), now)
    return f"{moment(now)} ({here.tzname()})"
