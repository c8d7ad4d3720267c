# SPDX-License-Identifier: Apache-2.0
"""``make image-test``: the raw image boots in an emulated machine, answers, and goes off cleanly.

Full emulation on two cores takes minutes; the limits are generous, and the times are reported.
"""

import json
import os
import re
import shutil
import socket
import ssl
from pathlib import Path

import pytest
from tests.image.guest import Guest, copy_of, powered_on

IMAGE = Path(__file__).parents[2] / "build" / "image" / "disk.raw"
LIMIT_S = float(os.environ.get("ATRE_BOOT_LIMIT_S", "1500"))
GUEST_ADDRESS = "10.0.2.15"  # what QEMU's own network gives its only machine

pytestmark = [
    pytest.mark.timeout(2 * LIMIT_S),
    pytest.mark.skipif(not IMAGE.exists(), reason="make image first"),
    pytest.mark.skipif(
        not shutil.which("qemu-system-x86_64"), reason="qemu-system-x86 is not installed"
    ),
]


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    copy_of(IMAGE, folder / "disk.raw")
    return folder


def test_the_image_boots_answers_and_goes_off(work: Path) -> None:
    times: dict[str, float] = {}
    with powered_on(work / "disk.raw", work) as guest:
        times["ready_s"] = guest.wait_for("READY", limit_s=LIMIT_S)
        said = re.search(r"READY .* after ([\d.]+) s, data: (.+?)\r?\n", guest.console())
        assert said, guest.console()[-500:]
        times["ready_by_its_own_clock_s"] = float(said[1])
        assert said[2] == "plain"  # this machine has no TPM
        assert certified(guest), "the panel's page over TLS, by the box's own authority"
        times["off_s"] = guest.press_power_button(limit_s=LIMIT_S)
        assert guest.process.returncode == 0
    (IMAGE.parent / "boot-times.json").write_text(json.dumps(times, indent=1) + "\n")


def certified(guest: Guest) -> bool:
    """Whether the panel answers over TLS 1.3 with a certificate of the authority on port 80."""
    authority = request(socket.create_connection(("127.0.0.1", guest.http_port), 120), "/ca.crt")
    context = ssl.create_default_context(cadata=authority.decode())
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    plain = socket.create_connection(("127.0.0.1", guest.https_port), 120)
    page = request(context.wrap_socket(plain, server_hostname=GUEST_ADDRESS), "/healthz")
    return bool(page)


def request(connection: socket.socket, path: str) -> bytes:
    """The body of the answer to GET; raises AssertionError for another status than 200."""
    with connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {GUEST_ADDRESS}\r\nConnection: close\r\n\r\n".encode()
        )
        whole = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = whole.partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    return body
