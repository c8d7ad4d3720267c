# SPDX-License-Identifier: Apache-2.0
"""A box's door and nothing behind it: ``tls_gateway.py ADDRESS PORT CERTIFICATE KEY`` says 401."""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(401 if self.path == "/v1/models" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    address, port, certificate, key = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    with HTTPServer((address, int(port)), Door) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        sys.stdout.write("listening\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
