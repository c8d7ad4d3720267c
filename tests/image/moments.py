# SPDX-License-Identifier: Apache-2.0
"""Moments at which the power is cut, each kept as a state of the running machine just before it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import TimeoutExpired

from tests.image.box import ATRE, DATA
from tests.image.first_start import wait_until_ready
from tests.image.guest import Guest, powered_on
from tests.image.machine import Machine, layer_over
from tests.image.shell import CREDENTIALS, Shell

_STATE = "before"
# The gate waits for the test, so that what it does begins when the test says.
_HELD_GATE = (
    "[Service]\nExecStartPre=+/usr/bin/sh -c 'until [ -e /run/test-go ]; do sleep 0.2; done'\n"
)

IsOver = Callable[[Guest, Shell], bool]


@dataclass(frozen=True, kw_only=True)
class Moment:
    """``machine`` resumes just before it; ``begin`` sets it going; uncut it takes ``window_s``."""

    name: str
    machine: Machine
    begin: str
    window_s: float

    def cut(self, after_s: float) -> None:
        """Set it going, and cut the power that long afterwards."""
        with powered_on(self.machine) as guest, Shell(self.machine.shell) as shell:
            shell.must(_in_background(self.begin))
            try:
                guest.process.wait(after_s)  # it may be over, and end by itself
            except TimeoutExpired:
                guest.cut_power()


def install(disk: Path, work: Path, stick: Path, *, limit_s: float) -> Moment:
    """The installation of an update from a stick, up to the restart."""
    machine = Machine(
        disk=layer_over(disk, work / "install.qcow2"),
        work=work,
        credentials=CREDENTIALS,
        sticks=(stick,),
        is_careful=True,
        ends_at_restart=True,
    )
    begin = f"{ATRE} update install usb {DATA}"
    return _prepared("install", machine, begin, _is_off, limit_s=limit_s)


def confirmation(written: Path, work: Path, *, limit_s: float) -> Moment:
    """The health gate of a version that works, until it is kept."""
    machine = Machine(
        disk=layer_over(written, work / "confirmation.qcow2"),
        work=work,
        credentials={
            **CREDENTIALS,
            "systemd.unit-dropin.atre-health-gate.service": _HELD_GATE,
        },
        is_careful=True,
    )
    return _prepared("confirmation", machine, "touch /run/test-go", _is_kept, limit_s=limit_s)


def factory_reset(disk: Path, work: Path, *, limit_s: float) -> Moment:
    """A factory reset that was ordered, and the start of the box that does it."""
    machine = Machine(
        disk=layer_over(disk, work / "reset.qcow2"),
        work=work,
        credentials=CREDENTIALS,
        is_careful=True,
    )
    serial = (
        "/opt/atre/.venv/bin/python -c 'from pathlib import Path; "
        'from atre.reset.factory import serial; print(serial(Path("/var/lib/atre")))\''
    )
    begin = f'{ATRE} reset --factory --serial "$({serial})" {DATA}; systemctl restart atre'
    return _prepared("factory reset", machine, begin, _is_unclaimed, limit_s=limit_s)


def _prepared(
    name: str, machine: Machine, begin: str, is_over: IsOver, *, limit_s: float
) -> Moment:
    """Bring the machine to the moment, keep its state, and see how long it takes uncut."""
    with powered_on(machine) as guest:
        wait_until_ready(guest, limit_s=limit_s)
        with Shell(machine.shell) as shell:
            shell.wait_until_up(limit_s)
            shell.must("sync")
        guest.keep_state(_STATE)
    machine = replace(machine, snapshot=_STATE)
    with powered_on(machine) as guest, Shell(machine.shell) as shell:
        began = time.monotonic()
        shell.must(_in_background(begin))
        while not is_over(guest, shell):
            assert time.monotonic() - began < limit_s, f"{name} is not over"
            time.sleep(0.5)
        window_s = time.monotonic() - began
    return Moment(name=name, machine=machine, begin=begin, window_s=window_s)


def _in_background(command: str) -> str:
    return f"({command}) >/run/test-said 2>&1 </dev/null &"


def _is_off(guest: Guest, _shell: Shell) -> bool:
    return guest.process.poll() is not None


def _is_kept(_guest: Guest, shell: Shell) -> bool:
    # What the loader goes by, not what the box says of it.
    return shell.run("grep -ql '^good=b' /efi/atre/choice-*.env").status == 0


def _is_unclaimed(_guest: Guest, shell: Shell) -> bool:
    return shell.run("grep -q 'Claim code' /dev/vcs1").status == 0
