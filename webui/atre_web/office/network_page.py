# SPDX-License-Identifier: Apache-2.0
"""How the office reaches the box: names, addresses, discovery and the certificate."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from markupsafe import Markup
from werkzeug.wrappers import Response

from atre.errors import AtreError, RequestError
from atre.ipc.messages import BoxDescription, CertificateSource
from atre_web.accounts import current
from atre_web.office.verbs import verbs
from atre_web.panel import facts, snapshot
from atre_web.panel.address import panel_urls, qr_svg
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, quoted

blueprint = Blueprint("network", __name__)

# A chain of certificates has a few kilobytes.
_MAX_FILE_BYTES = 256 * 1024
_DONE = ("announced", "silent", "imported", "own", "authority")


@blueprint.get("/network")
def show() -> Response:
    """The page."""
    done = request.args.get("done", "")
    return _page(message=_messages()[done] if done in _DONE else "")


@blueprint.post("/network/discovery")
def set_discovery() -> Response:
    """Announce the box on the network, or keep silent."""
    announced = field("announced") == "yes"
    return _do(
        lambda: verbs().set_discovery(announced=announced),
        action="discovery.on" if announced else "discovery.off",
        done="announced" if announced else "silent",
    )


@blueprint.post("/network/certificate")
def use_certificate() -> Response:
    """Serve the office's own certificate."""
    files = {name: _file(name) for name in ("certificate", "key", "chain")}
    if any(len(content) > _MAX_FILE_BYTES for content in files.values()):
        return _page(400, problem=gettext("Un de ces fichiers est trop long pour un certificat."))
    if not files["certificate"] or not files["key"]:
        return _page(400, problem=gettext("Choisissez le certificat et sa clé privée."))
    return _do(
        lambda: verbs().use_certificate(files["certificate"], files["key"], files["chain"]),
        action="certificate.import",
        done="imported",
    )


@blueprint.post("/network/certificate/reset")
def reset_certificate() -> Response:
    """Go back to the box's own certificate, of a new authority if asked for."""
    authority = field("authority") == "yes"
    return _do(
        lambda: verbs().reset_certificate(authority=authority),
        action="certificate.authority" if authority else "certificate.reset",
        done="authority" if authority else "own",
    )


def _do(act: Callable[[], BoxDescription], *, action: str, done: str) -> Response:
    try:
        act()
    except RequestError as error:
        return _page(
            400,
            problem=gettext("Le boîtier a refusé. Ce qu’il en dit :"),
            detail=quoted(error.sentence),
        )
    except AtreError as error:
        problem = gettext("Rien n’a été changé. Ce qu’en dit le boîtier :")
        return _page(503, problem=problem, detail=quoted(error.sentence))
    current.record(action)
    return redirect(f"/network?done={done}", 303)


def _file(name: str) -> bytes:
    sent = request.files.get(name)
    return sent.read(_MAX_FILE_BYTES + 1) if sent else b""


def _messages() -> dict[str, str]:
    return {
        "announced": gettext("Le boîtier s’annonce sur le réseau."),
        "silent": gettext("Le boîtier ne s’annonce plus."),
        "imported": gettext("Le boîtier se sert de votre certificat."),
        "own": gettext("Le boîtier se sert de son propre certificat."),
        "authority": gettext(
            "Le boîtier a une nouvelle autorité : chaque appareil doit l’approuver à nouveau."
        ),
    }


def _page(status: int = 200, **shown: Any) -> Response:
    box = snapshot.box()
    urls = panel_urls(box) if box else []
    body = render_template(
        "network.html",
        box=box,
        fields=facts.box_fields(box),
        urls=urls,
        is_imported=box is not None and box.certificate_source is CertificateSource.IMPORTED,
        # segno writes numbers and fixed attributes only; the URL is in the modules, not the markup.
        qr=Markup(qr_svg(urls[0])) if urls else None,  # noqa: S704
        **shown,
    )
    return make_response(body, status)
