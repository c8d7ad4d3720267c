# SPDX-License-Identifier: Apache-2.0
"""The status page, and the figures that keep it and the chat fresh."""

from flask import Blueprint, Response, jsonify, render_template
from markupsafe import Markup

from atre_web.office.facts_now import findings_now
from atre_web.panel import facts, snapshot
from atre_web.panel.address import panel_urls, qr_svg
from atre_web.panel.wording import said

blueprint = Blueprint("panel", __name__)


@blueprint.get("/status")
def status() -> str:
    """The status page."""
    now = snapshot.take()
    urls = panel_urls(now.box) if now.box else []
    return render_template(
        "status.html",
        snapshot=now,
        fields=facts.fields(now),
        issues=facts.issues(findings_now(now)),
        urls=urls,
        # segno writes numbers and fixed attributes only; the URL is in the modules, not the markup.
        qr=Markup(qr_svg(urls[0])) if urls else None,  # noqa: S704
    )


@blueprint.get("/api/panel/status.json")
def live() -> Response:
    """The figures of the status page, for the scripts that keep both pages fresh."""
    now = snapshot.take()
    return jsonify(
        ready=now.engine is not None,
        model=now.model_name,
        is_factory=now.is_factory,
        is_asleep=now.is_asleep,
        problem=said(now.engine_problem),
        fields=facts.fields(now),
        issues=facts.issues(findings_now(now)),
    )
