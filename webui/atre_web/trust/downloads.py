# SPDX-License-Identifier: Apache-2.0
from flask import Response

from atre_web.panel.wording import gettext
from atre_web.trust.page import authority

_CERTIFICATE_TYPE = "application/x-x509-ca-cert"
_PROFILE_TYPE = "application/x-apple-aspen-config"


def pem() -> Response:
    """PEM, for Android, Linux, Firefox and programs."""
    return _file(authority().pem(), "atre-ca.crt", _CERTIFICATE_TYPE)


def der() -> Response:
    """DER, for Windows."""
    return _file(authority().der(), "atre-ca.cer", _CERTIFICATE_TYPE)


def profile() -> Response:
    """A configuration profile, for iOS and macOS."""
    made = authority().profile(
        title=gettext("Boîtier Âtre"),
        description=gettext(
            "Fait confiance au boîtier Âtre de ce réseau, à lui seul, et à aucun site d’internet."
        ),
    )
    # Not as an attachment: Safari hands only what it is shown to the settings.
    return Response(made, content_type=_PROFILE_TYPE)


def _file(content: bytes, name: str, content_type: str) -> Response:
    response = Response(content, content_type=content_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
