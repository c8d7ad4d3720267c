# SPDX-License-Identifier: Apache-2.0
from functools import cache
from pathlib import Path

from flask import Flask, current_app


def install(app: Flask) -> None:
    """Add ``css()``, the text of the style sheet, to the templates of pages that load no file."""
    app.jinja_env.globals["css"] = _css


@cache
def _css() -> str:
    return (Path(current_app.root_path) / "static" / "atre.css").read_text(encoding="utf-8")
