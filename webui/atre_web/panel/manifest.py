# SPDX-License-Identifier: Apache-2.0
"""What lets a phone or a PC install the panel as an application (W3C Web Application Manifest).

Chromium asks for no service worker (since 108 on phones, 112 on PCs), and without the box there is
nothing to show: so there is none.
"""

from flask import Blueprint, Response, jsonify, url_for

from atre_web.panel import language
from atre_web.panel.wording import gettext

blueprint = Blueprint("manifest", __name__)

_PAPER = "#faf7f2"  # as in atre.css
_TYPE = "application/manifest+json"


@blueprint.get("/manifest.webmanifest")
def show() -> Response:
    """The manifest, in the reader's language."""
    response = jsonify(
        id="/",
        name="Âtre",
        short_name="Âtre",
        description=gettext("L’intelligence artificielle de votre bureau."),
        lang=language.current(),
        start_url="/",
        scope="/",
        display="standalone",
        background_color=_PAPER,
        theme_color=_PAPER,
        icons=[
            _icon("icon.svg", "any", "image/svg+xml"),
            _icon("icon-192.png", "192x192"),
            _icon("icon-512.png", "512x512"),
            # Drawn within the circle that a phone may cut out.
            _icon("icon-512.png", "512x512") | {"purpose": "maskable"},
        ],
    )
    response.mimetype = _TYPE
    return response


def _icon(name: str, sizes: str, media_type: str = "image/png") -> dict[str, str]:
    return {"src": url_for("static", filename=name), "sizes": sizes, "type": media_type}
