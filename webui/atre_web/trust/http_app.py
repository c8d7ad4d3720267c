# SPDX-License-Identifier: Apache-2.0
"""What the LAN gets without TLS: how to trust the box, and the API if its manager chose so."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, redirect
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from atre.config import Config
from atre.errors import AtreError
from atre_web import trust
from atre_web.openai.errors import row_of
from atre_web.panel import error_page, headers, inline_style, language, snapshot
from atre_web.panel.snapshot import Sources

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_API = "/v1/"


def make(config: Config, sources: Sources, api: "WSGIApplication | None") -> "WSGIApplication":
    """The page that explains, at /, and ``api`` below /v1/ if there is one; no cookie either way.

    Everything else leads to the page.
    """
    guide = _guide(config, sources)

    def application(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        # A session that began over TLS must not be used, or shown, in clear.
        environ.pop("HTTP_COOKIE", None)
        chosen = api if api and environ.get("PATH_INFO", "").startswith(_API) else guide
        return chosen(environ, _without_cookies(start_response))

    return application


def _guide(config: Config, sources: Sources) -> Flask:
    app = Flask("atre_web", static_folder=None)
    headers.install(app)
    inline_style.install(app)
    language.install(app)
    snapshot.install(app, sources)
    trust.install(app, config.tls_dir, page_at="/")
    app.register_error_handler(HTTPException, _to_page)
    app.register_error_handler(AtreError, _failed)
    return app


def _to_page(_error: HTTPException) -> BaseResponse:
    return redirect("/", 303)


def _failed(error: AtreError) -> BaseResponse:
    return error_page.failed(row_of(error).status, error.sentence)


def _without_cookies(start_response: "StartResponse") -> Callable[..., Any]:
    def start(status: str, fields: list[tuple[str, str]], *rest: Any) -> Any:
        kept = [field for field in fields if field[0].lower() != "set-cookie"]
        return start_response(status, kept, *rest)

    return start
