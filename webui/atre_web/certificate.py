# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from flask import Flask, Response, send_file


def install(app: Flask, tls_dir: Path) -> None:
    """Serve the box's own CA certificate, which is public, so that devices can trust the box."""

    def ca_certificate() -> Response:
        return send_file(
            tls_dir / "ca.crt",
            mimetype="application/x-x509-ca-cert",
            as_attachment=True,
            download_name="atre-ca.crt",
        )

    app.add_url_rule("/ca.crt", view_func=ca_certificate)
