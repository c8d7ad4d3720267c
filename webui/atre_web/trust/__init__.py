# SPDX-License-Identifier: Apache-2.0
"""How devices come to trust the box: its authority in each system's format, and a guide."""

from pathlib import Path

from flask import Flask

from atre_web.trust import downloads, page, rules
from atre_web.trust.authority import Authority

__all__ = ["install"]


def install(app: Flask, tls_dir: Path, *, page_at: str = rules.PAGE) -> None:
    """Serve the guide at ``page_at``, and the files that it hands out."""
    app.extensions[page.EXTENSION] = Authority(tls_dir)
    app.add_url_rule(page_at, "trust", page.show)
    app.add_url_rule(rules.PEM, "trust_pem", downloads.pem)
    app.add_url_rule(rules.DER, "trust_der", downloads.der)
    app.add_url_rule(rules.PROFILE, "trust_profile", downloads.profile)
