# SPDX-License-Identifier: Apache-2.0
"""Metering plugs, as real HTTP servers that answer well, badly, slowly or without end."""

import contextlib
import hashlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers import lan_http
from atre.power.samplers.held_energy import HeldEnergy
from atre.power.samplers.lan_http import (
    Device,
    DeviceError,
    Reply,
    digest_authorization,
    get,
    is_local,
)
from atre.power.samplers.plug import Plug, PlugKind, PlugSettings, problem
from atre.power.samplers.plug_words import NOT_ASKED_YET, Metered
from atre.power.samplers.shelly import parse_shelly, read_shelly
from atre.power.samplers.tasmota import parse_tasmota, read_tasmota

Answer = Callable[[str, dict[str, str]], bytes]
SHELLY = (
    b'{"id":0,"source":"init","output":true,"apower":84.3,"voltage":231.5,"current":0.4,'
    b'"aenergy":{"total":1523.25,"by_minute":[1,2,3],"minute_ts":1700000000},'
    b'"temperature":{"tC":41.2,"tF":106.2}}'
)
TASMOTA = (
    b'{"StatusSNS":{"Time":"2026-11-22T05:00:00","ENERGY":{"TotalStartTime":"2025-01-01T00:00:00",'
    b'"Total":12.345,"Yesterday":0.5,"Today":0.1,"Power":61,"ApparentPower":70,"Factor":0.9}}}'
)


def ok(body: bytes, *headers: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@contextlib.contextmanager
def server(answer: Answer) -> Iterator[int]:
    """A plug on loopback that stays connected after its answer; its port."""
    listening = socket.create_server(("127.0.0.1", 0))
    ends: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                ends.append(connection)
                head = connection.recv(65536).decode().split("\r\n")
                headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
                with contextlib.suppress(OSError):
                    connection.sendall(answer(head[0].split(" ")[1], headers))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()
        for end in ends:
            end.close()


def anywhere(_address: str) -> bool:
    return True


def ask(port: int, timeout_s: float = 5.0) -> Callable[[str, str], Reply]:
    def send(target: str, authorization: str) -> Reply:
        return get(
            Device("127.0.0.1", port),
            target,
            authorization=authorization,
            timeout_s=timeout_s,
            is_allowed=anywhere,
        )

    return send


def test_a_shelly_tells_its_power_and_its_counter() -> None:
    asked: list[str] = []

    def answer(target: str, _headers: dict[str, str]) -> bytes:
        asked.append(target)
        return ok(SHELLY)

    with server(answer) as port:
        assert read_shelly(ask(port)) == Metered(power_w=84.3, energy_j=1523.25 * 3600)
    assert asked == ["/rpc/Switch.GetStatus?id=0"]


def test_a_meter_without_a_relay_is_asked_by_its_own_name() -> None:
    def answer(target: str, _headers: dict[str, str]) -> bytes:
        if "PM1" in target:
            return ok(SHELLY)
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"

    with server(answer) as port:
        assert read_shelly(ask(port)).power_w == 84.3


@pytest.mark.parametrize(
    ("password", "is_right"), [("secret", True), ("wrong", False), ("", False)]
)
def test_a_protected_shelly_gets_a_digest(password: str, *, is_right: bool) -> None:
    def sha256(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def answer(target: str, headers: dict[str, str]) -> bytes:
        told = dict(
            part.strip().split("=", 1)
            for part in headers.get("Authorization", "Digest x=1")
            .removeprefix("Digest ")
            .split(",")
        )
        plain = {key: value.strip('"') for key, value in told.items()}
        expected = sha256(
            ":".join(
                [
                    sha256("admin:shellyplugs-1:secret"),
                    "n1",
                    plain.get("nc", ""),
                    plain.get("cnonce", ""),
                    "auth",
                    sha256(f"GET:{target}"),
                ]
            )
        )
        if plain.get("response") == expected:
            return ok(SHELLY)
        return (
            b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest qop="auth", '
            b'realm="shellyplugs-1", nonce="n1", algorithm=SHA-256\r\nContent-Length: 0\r\n\r\n'
        )

    with server(answer) as port:
        metered = read_shelly(ask(port), password)
    assert (metered.power_w == 84.3) is is_right
    if not is_right:
        assert metered.reason is not None
        assert "password" in metered.reason.text


@pytest.mark.parametrize(
    "challenge",
    ["", "Basic realm=x", "Digest", "Digest =,,=", 'Digest realm="a", nonce=', "Digest a=b, c",
     'Digest realm="a", nonce="b", algorithm=MD5'],
)  # fmt: skip
def test_a_challenge_that_is_not_understood_is_said(challenge: str) -> None:
    with pytest.raises(DeviceError, match="password"):
        digest_authorization(challenge, "admin", "x", "/")


def test_tasmota_old_and_new() -> None:
    def old(target: str, _headers: dict[str, str]) -> bytes:
        if "Status%2010" in target:
            return ok(b'{"StatusSNS":{"Time":"2019-01-01T00:00:00"}}')
        return ok(b'{"StatusPWR":{"Total":1.5,"Power":40}}')

    with server(lambda _target, _headers: ok(TASMOTA)) as port:
        assert read_tasmota(ask(port)) == Metered(power_w=61.0, energy_j=12.345 * 3.6e6)
    with server(old) as port:
        assert read_tasmota(ask(port)) == Metered(power_w=40.0, energy_j=1.5 * 3.6e6)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"id":0,"output":true}', "does not measure"),
        (b"<html><body>Login</body></html>", "not a Shelly"),
        (b'{"id":0,"apower":"84"}', "not a Shelly"),
        (b'{"id":0,"apower":true}', "not a Shelly"),
        (b'{"id":0,"apower":[1]}', "not a Shelly"),
        (b'{"id":0,"apower":NaN}', "not a Shelly"),
        (b"[]", "not a Shelly"),
        (b"\xff\xfe", "not a Shelly"),
        (b"", "not a Shelly"),
        (b"[" * 60_000, "not a Shelly"),
    ],
)
def test_a_shelly_s_garbage_is_no_figure(body: bytes, said: str) -> None:
    metered = parse_shelly(body)
    assert metered.power_w is None
    assert metered.reason is not None
    assert said in metered.reason.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"StatusSNS":{"Time":"x"}}', "does not measure"),
        (b'{"StatusSNS":{"ENERGY":{"Power":[1,2],"Total":3}}}', "does not measure"),
        (b'{"StatusSNS":{"ENERGY":{"Power":"N/A"}}}', "not a Shelly"),
        (b'{"StatusSNS":7}', "not a Shelly"),
        (b'{"Command":"Unknown"}', "not a Shelly"),
        (b'{"WARNING":"Need user=<username>&password=<password>"}', "password"),
    ],
)
def test_a_tasmota_s_garbage_is_no_figure(body: bytes, said: str) -> None:
    metered = parse_tasmota(body)
    assert metered.power_w is None
    assert metered.reason is not None
    assert said in metered.reason.text


@pytest.mark.parametrize(
    ("power_w", "said"), [(0.0, "0 W"), (-4.0, "no outlet"), (1e7, "no outlet")]
)
def test_powers_that_cannot_be_this_machine_s(power_w: float, said: str) -> None:
    reason = problem(Metered(power_w=power_w))
    assert reason is not None
    assert said in reason.text
    assert problem(Metered(power_w=60.0)) is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "not HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
        (ok(b"x" * 100_000), "more than"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n", "more than"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 12_000, "more than"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "damaged"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "without an end"),
    ],
)
def test_answers_that_are_no_answers(answer: bytes, said: str) -> None:
    with ending_server(answer) as port, pytest.raises(DeviceError, match=said):
        ask(port)("/", "")


@contextlib.contextmanager
def ending_server(answer: bytes) -> Iterator[int]:
    """A server that answers once, whatever is asked, and hangs up."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with contextlib.closing(connection), contextlib.suppress(OSError):
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def test_a_chunked_answer_is_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    )
    with ending_server(chunked) as port:
        assert ask(port)("/", "").body == b"abcde"


def test_a_redirect_is_not_followed() -> None:
    with (
        server(
            lambda _t, _h: (
                b"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n"
            )
        ) as port,
        pytest.raises(DeviceError, match="302"),
    ):
        read_shelly(ask(port))


def test_a_byte_now_and_then_is_no_answer() -> None:
    """100 bytes a second: each wait is short, only the deadline for all of it ends them."""
    done = threading.Event()
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with contextlib.closing(connection), contextlib.suppress(OSError):
                for byte in ok(SHELLY * 100):
                    if done.wait(0.01):
                        return
                    connection.send(bytes([byte]))

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(DeviceError, match="no whole answer"):
            ask(listening.getsockname()[1], timeout_s=0.3)("/", "")
        done.set()
        thread.join()


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.168.1.7", True), ("10.1.2.3", True), ("172.31.0.1", True), ("169.254.3.4", True),
        ("fe80::1%eth0", True), ("fd00::1", True), ("::ffff:192.168.1.7", True),
        ("172.32.0.1", False), ("8.8.8.8", False), ("127.0.0.1", False), ("::1", False),
        ("2001:db8::1", False), ("::ffff:8.8.8.8", False), ("100.64.0.1", False), ("plug", False),
    ],
)  # fmt: skip
def test_only_the_local_network_is_asked(address: str, *, expected: bool) -> None:
    assert is_local(address) is expected


def test_a_name_that_leads_elsewhere_is_not_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(*_arguments: object, **_options: object) -> list[tuple[object, ...]]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9))]

    monkeypatch.setattr(lan_http.socket, "getaddrinfo", elsewhere)
    with pytest.raises(DeviceError, match="local network"):
        get(Device("plug.example"), "/")


def _until(plug: Plug, is_there: Callable[[Reading], bool]) -> Reading:
    while not is_there(reading := plug.read(time.monotonic())[0]):
        time.sleep(0.02)
    return reading


def test_a_plug_is_asked_by_its_own_thread_and_may_vanish() -> None:
    hold, is_gone = threading.Event(), threading.Event()

    def answer(_target: str, _headers: dict[str, str]) -> bytes:
        hold.wait()
        return b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n" if is_gone.is_set() else ok(SHELLY)

    with server(answer) as port:
        settings = PlugSettings(kind=PlugKind.SHELLY, host="127.0.0.1", port=port)
        plug = Plug(settings, anywhere)
        try:
            # It does not answer yet, and the meter does not wait for it.
            assert plug.read(5.0)[0].reason == NOT_ASKED_YET
            hold.set()
            good = _until(plug, lambda reading: reading.power_w is not None)
            assert (good.source, good.scope, good.basis) == (
                "plug:shelly:127.0.0.1",
                Scope.WALL,
                Basis.PLUG,
            )
            assert good.power_w == 84.3
            late = plug.read(good.at_s + 60)[0]
            assert late.power_w is None
            assert late.reason is not None
            is_gone.set()
            gone = _until(plug, lambda reading: reading.power_w is None)
            assert gone.reason is not None
            assert "503" in gone.reason.text
            assert "503" in gone.reason.text_fr
        finally:
            plug.close()


def test_a_plug_at_an_address_where_nobody_answers_says_so() -> None:
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
    plug = Plug(PlugSettings(kind=PlugKind.TASMOTA, host="127.0.0.1", port=port), anywhere)
    try:
        reading = _until(plug, lambda reading: reading.reason != NOT_ASKED_YET)
    finally:
        plug.close()
    assert reading.reason is not None
    assert "refused" in reading.reason.text


@given(
    powers=st.lists(st.floats(5.0, 400.0), min_size=120, max_size=400),
    step_j=st.sampled_from([3.6, 360.0, 3600.0]),
    error=st.floats(-0.05, 0.05),
    start_j=st.floats(0, 1e9),
)
def test_a_day_s_energy_is_the_plug_s_own_counter(
    powers: list[float], step_j: float, error: float, start_j: float
) -> None:
    """The plug's power is up to 5 % off its counter, which moves in coarse steps."""
    held, taken_j, last_j = HeldEnergy(), 0.0, 0.0
    for second, power_w in enumerate(powers * 20):
        counter_j = (start_j + taken_j) // step_j * step_j
        energy_j = held.at(float(second), power_w * (1 + error), counter_j)
        assert energy_j is not None
        assert energy_j >= last_j
        last_j, taken_j = energy_j, taken_j + power_w
    slack_j = 2 * max(3600.0, 60 * 400.0)
    assert abs(last_j - taken_j) <= slack_j


def test_a_plug_s_counter_fills_a_gap_and_a_reset_costs_nothing() -> None:
    held = HeldEnergy()
    assert held.at(0.0, 100.0, 5000.0) == 0.0
    assert held.at(1.0, 100.0, 5000.0) == 100.0
    assert held.at(101.0, 100.0, 15000.0) == 10_000.0  # the plug went on counting
    assert held.at(102.0, 100.0, 0.0) == 10_100.0  # somebody reset it
    assert held.at(103.0, 100.0, 100.0) == 10_200.0
    assert held.at(104.0, 100.0, None) == 10_300.0
    assert held.at(204.0, 100.0, None) is None
