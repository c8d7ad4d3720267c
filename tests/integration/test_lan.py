# SPDX-License-Identifier: Apache-2.0
"""What the LAN sees of a box: TLS 1.3 and nothing else, and no connection that the box began."""

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import closing
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.caller import Caller
    from tests.integration.namespaces import Cable
    from tests.integration.running_box import RunningBox

pytestmark = pytest.mark.namespaces

LAN_PORT = 8443
TIMEOUT_S = 30.0
MORE_THAN_THREADS = 150
LanBoxStarter = Callable[["Cable"], tuple["RunningBox", "Caller"]]


def test_a_question_over_tls_is_answered(lan_client: "Caller") -> None:
    with lan_client.completion(max_tokens=3) as answered:
        assert answered.status == 200
        assert isinstance(answered.connection, ssl.SSLSocket)
        assert answered.connection.version() == "TLSv1.3"


def test_the_ready_file_tells_the_name_on_the_lan(lan_box: "RunningBox") -> None:
    assert lan_box.ready["mdns_name"].startswith("atre-")
    assert lan_box.ready["mdns_name"].endswith(".local")
    assert lan_box.ready["api_base"].startswith("http://127.0.0.1:")


def test_only_tls_and_mdns_are_listened_for_beyond_loopback(
    lan_box: "RunningBox", cable: "Cable"
) -> None:
    if shutil.which("ss") is None:
        pytest.skip("not installed: ss (package iproute2)")
    assert listened_to(cable, "--tcp") == {f"127.0.0.1:{lan_box.port}", f"*:{LAN_PORT}"}
    assert {at.rpartition(":")[2] for at in listened_to(cable, "--udp")} == {"5353"}
    for address in ("10.78.0.2", "fd78::2"):
        with pytest.raises(ConnectionRefusedError):
            cable.connect(cable.peer, address, lan_box.port)
        cable.connect(cable.peer, address, LAN_PORT).close()


def listened_to(cable: "Cable", protocol: str) -> set[str]:
    """Addresses and ports that any program on the box's machine listens on (ss(8))."""
    done = subprocess.run(
        [*cable.in_box(), "ss", "--no-header", "--listening", "--numeric", protocol],
        check=True, capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    return {line.split()[3] for line in done.stdout.splitlines()}


def test_plain_http_is_not_answered_on_the_lan(
    lan_box: "RunningBox", lan_client: "Caller", cable: "Cable"
) -> None:
    with cable.connect(cable.peer, "10.78.0.2", LAN_PORT) as plain:
        plain.sendall(lan_client.head("GET", "/v1/models") + b"\r\n")
        reply = plain.recv(65536)
    assert b"factory" not in reply
    assert b"200" not in reply
    assert lan_box.key.encode() not in reply
    with lan_client.get("/healthz") as answered:
        assert answered.status == 200


def test_older_tls_is_refused(lan_box: "RunningBox", cable: "Cable") -> None:
    context = ssl.create_default_context(cafile=str(lan_box.data_dir / "tls" / "ca.crt"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        cable.connect(cable.peer, "10.78.0.2", LAN_PORT) as plain,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        context.wrap_socket(plain, server_hostname="10.78.0.2")


def test_peers_that_do_not_shake_hands_hold_up_nobody_for_long(
    lan_client: "Caller", cable: "Cable"
) -> None:
    silent = [cable.connect(cable.peer, "10.78.0.2", LAN_PORT) for _ in range(MORE_THAN_THREADS)]
    try:
        for connection in silent:
            connection.sendall(b"\x16\x03\x01")
        with lan_client.get("/healthz") as answered:
            assert answered.status == 200
    finally:
        for connection in silent:
            connection.close()


def test_strangers_are_refused_on_the_lan_too(lan_client: "Caller") -> None:
    with lan_client.connect() as refused:
        refused.send(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert refused.status == 401
    with lan_client.connect() as answered:
        answered.send(b"GET /ca.crt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"BEGIN CERTIFICATE" in answered.body()


@pytest.mark.parametrize("host", ["10.78.0.2", "[fd78::2]", "name"])
def test_curl_trusts_the_box_by_address_and_by_name(
    lan_box: "RunningBox", cable: "Cable", host: str
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("not installed: curl")
    name = lan_box.ready["mdns_name"]
    host = name if host == "name" else host
    done = subprocess.run(
        [
            *cable.in_peer(), "curl", "--silent", "--show-error", "--max-time", "20",
            "--cacert", str(lan_box.data_dir / "tls" / "ca.crt"),
            "--resolve", f"{name}:{LAN_PORT}:10.78.0.2",
            f"https://{host}:{LAN_PORT}/healthz",
        ],
        check=False, capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"status": "ok"}


def test_the_box_begins_no_connection(
    start_lan_box: LanBoxStarter, wire: ModuleType, namespaces: ModuleType
) -> None:
    with namespaces.Cable("quiet") as cable:
        tap = namespaces.within(cable.peer, lambda: wire.Wire("eth0"))
        with closing(tap):
            box, client = start_lan_box(cable)
            with client.chat(max_tokens=3) as answered:
                assert answered.status == 200
            for path in ("/", "/v1/models", "/openapi.json"):
                with client.get(path) as answered:
                    assert answered.status == 200
            assert box.stop() == 0
            kinds = {packet.kind for packet in tap.sent(LAN_PORT)}
            assert kinds == {"answer", "mdns", "neighbour"}
            # The same tap does see what a program on that machine begins, and its name look-ups.
            namespaces.within(cable.box, begin_connections)
            began = {packet.kind for packet in tap.sent(LAN_PORT)} - kinds
            assert began == {"tcp 443", "protocol 17 port 53"}


def begin_connections() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as elsewhere:
        elsewhere.setblocking(False)
        elsewhere.connect_ex(("198.51.100.7", 443))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as look_up:
        look_up.sendto(b"?" * 12, ("198.51.100.8", 53))
