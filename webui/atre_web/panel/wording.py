# SPDX-License-Identifier: Apache-2.0
"""Words and numbers in the language of the request, with types that Flask-Babel does not have."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import flask_babel
from flask import Flask
from markupsafe import Markup, escape

from atre.sentence import Sentence
from atre_web.accounts import current, usage

_SHORTEST_S = 0.1
_SEVERAL = 2
_KILOBYTE, _MEGABYTE, _GIGABYTE = 10**3, 10**6, 10**9

# Where Canada's French sets no space (Office québécois de la langue française, Banque de dépannage
# linguistique, « Espacement avant et après les principaux signes de ponctuation »); the colon and
# the quotation marks keep theirs.
_SPACE_BEFORE_HIGH_MARK = re.compile("[\u00a0\u202f](?=[;!?])")
# A terminal needs no no-break space, so that the daemon's sentences may come without; a colon
# before a digit is an option's or a path's own.
_PLAIN_SPACE = re.compile("(?<=«) | (?=[:;!?»](?:[ \u00a0]|$))")

# In a terminal the daemon's English has straight marks; what stands between backticks is typed.
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)|(?<=s)'(?= \w)")
_QUOTED = re.compile(r"(?<!\S)'([^']*)'(?=[\s.,;:!?)]|$)")
_TYPED = re.compile("(`[^`]*`)")


def install(app: Flask) -> None:
    """Let the templates' ``_`` be ``gettext``."""
    environment: Any = app.jinja_env  # jinja2.ext.i18n adds the method
    environment.install_gettext_callables(gettext=gettext, ngettext=ngettext, newstyle=True)


def gettext(text: str, **values: object) -> str:
    """Translate ``text``, then fill in its ``%(name)s``."""
    translated = spaced(str(flask_babel.gettext(text)))
    return translated % values if values else translated


def ngettext(one: str, many: str, count: float, **values: object) -> str:
    """The same for what is counted: French says ``many`` from 2, other languages by their rule."""
    if is_french():
        return gettext(one if abs(count) < 2 else many, **values)  # noqa: PLR2004
    whole = int(count) if count == int(count) else _SEVERAL  # catalogues count whole things only
    translated = str(flask_babel.get_translations().ungettext(one, many, whole))
    return translated % values if values else translated


def spaced(text: str) -> str:
    """A French text of ours, spaced as the reader's country does."""
    locale = flask_babel.get_locale()
    is_canadian = locale is not None and (locale.language, locale.territory) == ("fr", "CA")
    return _SPACE_BEFORE_HIGH_MARK.sub("", text) if is_canadian else text


def said(sentence: Sentence) -> str:
    """What the daemon says, in the reader's language and spacing; English if it has no French."""
    if is_french() and sentence.text_fr:
        return spaced(_PLAIN_SPACE.sub("\u00a0", sentence.text_fr))
    return curled(sentence.text)


def curled(text: str) -> str:
    """An English text with the apostrophes and quotation marks of a printed page."""
    parts = _TYPED.split(text)
    parts[::2] = [_APOSTROPHE.sub("’", _QUOTED.sub(r"“\1”", part)) for part in parts[::2]]
    return "".join(parts)


def quoted(sentence: Sentence) -> Markup:
    """The same for a page, marked as English where a French reader gets English."""
    text = said(sentence)
    if is_french() and sentence.text_fr in ("", sentence.text):
        return Markup('<span lang="en">{}</span>').format(text)
    return escape(text)


def is_french() -> bool:
    """Whether the request is answered in French."""
    locale = flask_babel.get_locale()
    return locale is not None and locale.language == "fr"


def decimal(value: float) -> str:
    """A number with the separators of the language; one decimal below a hundred at most."""
    return str(flask_babel.format_decimal(round(value, 1 if abs(value) < 100 else 0)))  # noqa: PLR2004


def size(num_bytes: float) -> str:
    """So many bytes, in the units that disks and downloads are sold in."""
    if num_bytes >= _GIGABYTE:
        return gettext("%(n)s Go", n=decimal(num_bytes / _GIGABYTE))
    if num_bytes >= _MEGABYTE:
        return gettext("%(n)s Mo", n=decimal(num_bytes / _MEGABYTE))
    return gettext("%(n)s ko", n=decimal(num_bytes / _KILOBYTE))


def percent(fraction: float) -> str:
    """A fraction of 1 as a whole percentage."""
    return str(flask_babel.format_percent(fraction))


def date(unix_s: float) -> str:
    """A day, in words."""
    return str(flask_babel.format_date(datetime.fromtimestamp(unix_s, UTC), "long"))


def seconds(value: float) -> str:
    """A wait, as short as it is read: what rounds to nothing is said in words."""
    shown = f"{decimal(max(value, _SHORTEST_S))}\N{NO-BREAK SPACE}s"
    return gettext("moins de %(time)s", time=shown) if value < _SHORTEST_S else shown


def moment(unix_s: float | None) -> str:
    """A date and a time of the office's time zone, — for never."""
    if unix_s is None:
        return "—"
    here = usage.local_time(current.connection(), unix_s)
    day = flask_babel.format_date(here, "medium", rebase=False)
    return f"{day}, {flask_babel.format_time(here, 'short', rebase=False)}"


def duration(seconds: float) -> str:
    """A length of time in its largest unit."""
    return str(flask_babel.format_timedelta(timedelta(seconds=max(seconds, 1.0))))
