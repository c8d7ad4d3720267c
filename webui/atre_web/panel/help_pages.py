# SPDX-License-Identifier: Apache-2.0
"""The handbook in the panel: its contents, a search, and each page."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from flask import Blueprint, Flask, abort, current_app, render_template, request

from atre.handbook.handbook import Handbook
from atre_web.panel import language
from atre_web.panel.help_groups import Group, grouped
from atre_web.panel.markdown import to_html
from atre_web.panel.wording import gettext, spaced

blueprint = Blueprint("help", __name__)

_EXTENSION = "atre.handbook"
_NUM_HITS = 5
_LONGEST_QUESTION = 300  # what the page shows again in its search box


class _Shelf:
    """Reads the handbook when it is first asked for: a broken one costs the help, not the panel."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def handbook(self) -> Handbook:
        return Handbook(self._directory)


def install(app: Flask, directory: Path) -> Callable[[], Handbook]:
    """Serve the handbook in ``directory`` below /help; what is returned gives it."""
    shelf = _Shelf(directory)
    app.extensions[_EXTENSION] = shelf
    app.register_blueprint(blueprint)
    return lambda: shelf.handbook


@blueprint.get("/help")
def contents() -> str:
    """The list of pages; with ``?q=``, those that answer it first."""
    handbook = _handbook()
    question = request.args.get("q", "").strip()[:_LONGEST_QUESTION]
    spoken = language.current()
    return render_template(
        "help.html",
        question=question,
        hits=handbook.search(question, spoken, limit=_NUM_HITS) if question else [],
        groups=[(_group_names()[group], pages) for group, pages in grouped(handbook.pages(spoken))],
    )


@blueprint.get("/help/<name>")
def page(name: str) -> str:
    """One page, in the panel's language."""
    found = _handbook().page(name, language.current())
    if found is None:
        abort(404)
    title, text = spaced(found.title), spaced(found.markdown)
    return render_template("help_page.html", title=title, body=to_html(text))


def _group_names() -> dict[Group, str]:
    return {
        "everybody": gettext("Pour tout le monde"),
        "manager": gettext("Pour qui gère le boîtier"),
        "data": gettext("Données et sauvegardes"),
        "programs": gettext("Pour les programmes"),
    }


def _handbook() -> Handbook:
    shelf: _Shelf = current_app.extensions[_EXTENSION]
    return shelf.handbook
