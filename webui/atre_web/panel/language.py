# SPDX-License-Identifier: Apache-2.0
"""Which language a page is in: the link just followed, else the cookie, else the browser's."""

from pathlib import Path

from flask import Flask, has_request_context, request
from flask_babel import Babel
from werkzeug.wrappers import Response

# French is the language of the sources; each other one has a catalogue in translations/.
LANGUAGES = {"fr": "Français", "en": "English"}
_DEFAULT = "fr"
_COOKIE = "atre-language"
_PARAMETER = "lang"
_COOKIE_AGE_S = 365 * 24 * 3600


def install(app: Flask) -> None:
    """Translate the templates, and remember a language chosen with ``?lang=``."""
    Babel(
        app,
        default_locale=_DEFAULT,
        default_translation_directories=str(Path(app.root_path) / "translations"),
        locale_selector=current,
    )
    app.after_request(_remember)
    app.jinja_env.globals["language"] = current
    app.jinja_env.globals["languages"] = LANGUAGES


def current() -> str:
    """The language of this request's answer, a key of ``LANGUAGES``."""
    if not has_request_context():
        return _DEFAULT
    for wanted in (request.args.get(_PARAMETER), request.cookies.get(_COOKIE)):
        if wanted in LANGUAGES:
            return wanted
    return request.accept_languages.best_match(LANGUAGES) or _DEFAULT


def choose(response: Response, code: str | None) -> None:
    """Keep a language for this browser, if it is one of ours."""
    if code in LANGUAGES:
        response.set_cookie(
            _COOKIE, str(code), max_age=_COOKIE_AGE_S, secure=request.is_secure, samesite="Lax"
        )


def _remember(response: Response) -> Response:
    if request.args.get(_PARAMETER) in LANGUAGES:
        choose(response, current())
    response.vary.add("Accept-Language")
    response.vary.add("Cookie")
    return response
