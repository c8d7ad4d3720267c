# SPDX-License-Identifier: Apache-2.0
"""Which language a page is in: the link just followed, else the cookie, else the browser's."""

from pathlib import Path

from flask import Flask, has_request_context, request
from flask_babel import Babel
from werkzeug.wrappers import Response

# French is the language of the sources; each other one has a catalogue in translations/.
LANGUAGES = {"fr": "Français", "en": "English"}
# What can be chosen: Canada's French is French with a catalogue of the words that differ there.
CHOICES = {"fr": "Français", "fr-CA": "Français (Canada)", "en": "English"}
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
        locale_selector=lambda: tag().replace("-", "_"),
    )
    app.after_request(_remember)
    app.jinja_env.globals["language"] = current
    app.jinja_env.globals["language_tag"] = tag
    app.jinja_env.globals["languages"] = CHOICES
    app.jinja_env.globals["other_languages"] = others


def current() -> str:
    """The language of this request's answer, a key of ``LANGUAGES``."""
    return tag().partition("-")[0]


def tag() -> str:
    """The same with its country where that counts, a key of ``CHOICES`` (BCP 47)."""
    if not has_request_context():
        return _DEFAULT
    for wanted in (request.args.get(_PARAMETER), request.cookies.get(_COOKIE)):
        if wanted in CHOICES:
            return wanted
    return _browsers()


def _browsers() -> str:
    """What suits the browser best; its own order counts, which ``best_match`` changes."""
    for wanted in request.accept_languages.values():
        for tag_ in (wanted, wanted.partition("-")[0]):
            if tag_ in CHOICES:
                return tag_
    return _DEFAULT


def others() -> dict[str, str]:
    """What the switch of a page offers: the other languages, as the browser would have them."""
    return {_variant(code): name for code, name in LANGUAGES.items() if code != current()}


def _variant(code: str) -> str:
    """The country's variant that the browser asks for in any place, else the language itself."""
    wanted = request.accept_languages.values()
    return next((each for each in wanted if each in CHOICES and each[:2] == code), code)


def choose(response: Response, code: str | None) -> None:
    """Keep a language for this browser, if it is one of ours."""
    if code in CHOICES:
        response.set_cookie(
            _COOKIE, str(code), max_age=_COOKIE_AGE_S, secure=request.is_secure, samesite="Lax"
        )


def _remember(response: Response) -> Response:
    if request.args.get(_PARAMETER) in CHOICES:
        choose(response, tag())
    response.vary.add("Accept-Language")
    response.vary.add("Cookie")
    return response
