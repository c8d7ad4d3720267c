# SPDX-License-Identifier: Apache-2.0
"""The real udisksd and udevd on a bus of their own, with disk images on loop devices.

They run in a mount namespace with a /run of their own, so that nothing outside hears of them.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

_UDISKSD = Path("/usr/libexec/udisks2/udisksd")
_UDEVD = Path("/lib/systemd/systemd-udevd")
_TIMEOUT_S = 20.0
_POLL_S = 0.05
# The rules that say what is on a disk; the loops of this test count as plugged in.
_RULES = ("60-block.rules", "60-persistent-storage.rules", "80-udisks2.rules")
_OURS = 'SUBSYSTEM=="block", KERNEL=="loop*", ENV{UDISKS_SYSTEM}="0"\n'
_BUS = """<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/><allow user="*"/></policy></busconfig>
"""
_START = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/udev /run/udisks2 /run/dbus
mount -t tmpfs tmpfs /media 2>/dev/null || mkdir -p /media
mount --bind "$1/rules" /usr/lib/udev/rules.d
"$2" & udevd=$!
dbus-daemon --config-file="$1/bus.conf" --nofork --nopidfile & bus=$!
trap 'kill $udisks $bus $udevd; wait' TERM
for _ in $(seq 200); do [ -S "$1/bus" ] && [ -S /run/udev/control ] && break; sleep 0.02; done
DBUS_SYSTEM_BUS_ADDRESS="unix:path=$1/bus" "$3" & udisks=$!
wait
"""


def missing_part() -> str | None:
    """Why the real ones cannot run here, None if they can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "UDisks2 on loop devices needs root on Linux"
    for path, package in ((_UDISKSD, "udisks2"), (_UDEVD, "udev")):
        if not path.exists():
            return f"not installed: {package}"
    if not shutil.which("dbus-daemon"):
        return "not installed: dbus"
    free = subprocess.run(["losetup", "-f"], check=False, capture_output=True, text=True)
    return None if free.returncode == 0 else f"no loop device: {free.stderr.strip()}"


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until it is; what UDisks2 knows follows the kernel's events by a moment."""
    deadline_s = time.monotonic() + _TIMEOUT_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not come to that"
        time.sleep(_POLL_S)


class RealUDisks:
    """While entered, they run; ``plug_in`` makes a disk appear, ``pull_out`` disappear."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.bus_address = f"unix:path={directory / 'bus'}"
        self._stack = ExitStack()
        self._num_images = 0

    def __enter__(self) -> Self:
        rules = self._directory / "rules"
        rules.mkdir()
        for name in _RULES:
            source = Path("/usr/lib/udev/rules.d") / name
            if source.exists():
                shutil.copy(source, rules)
        (rules / "81-test.rules").write_text(_OURS)
        (self._directory / "bus.conf").write_text(_BUS.format(path=self._directory / "bus"))
        argv = ["unshare", "--mount", "bash", "-c", _START, "bash"]
        argv += [str(self._directory), str(_UDEVD), str(_UDISKSD)]
        with (self._directory / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(argv, stdout=log, stderr=log)
        self._stack.callback(self._stop)
        eventually((self._directory / "bus").is_socket)
        eventually(self._answers)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def root(self) -> Path:
        """The filesystem as they see it."""
        return Path(f"/proc/{self._process.pid}/root")

    def image(self, size: str = "64M") -> Path:
        """A disk of zeros."""
        self._num_images += 1
        path = self._directory / f"disk{self._num_images}.img"
        subprocess.run(["truncate", "-s", size, str(path)], check=True)
        return path

    def plug_in(self, image: Path, *options: str) -> str:
        """The loop device that the image is on now."""
        argv = ["losetup", "--find", "--show", *options, str(image)]
        done = subprocess.run(argv, check=True, capture_output=True, text=True)
        device = done.stdout.strip()
        self._stack.callback(self.pull_out, device)
        return device

    def pull_out(self, device: str) -> None:
        """Detach it, whatever is mounted; once is enough."""
        subprocess.run(["losetup", "-d", device], check=False, capture_output=True)

    def tear_out(self, device: str) -> None:
        """Take it away in the middle of its use: nothing there can be opened any more.

        A loop lives on until what is open is closed; a plug that is pulled is told of at once.
        """
        Path(f"/sys/class/block/{Path(device).name}/uevent").write_text("remove")
        enter = ["nsenter", "--target", str(self._process.pid), "--mount"]
        subprocess.run([*enter, "umount", "--lazy", device], check=True)
        self.pull_out(device)

    def mountinfo(self) -> str:
        return Path(f"/proc/{self._process.pid}/mountinfo").read_text()

    def _answers(self) -> bool:
        argv = ["dbus-send", f"--bus={self.bus_address}", "--print-reply",
                "--dest=org.freedesktop.DBus", "/", "org.freedesktop.DBus.NameHasOwner",
                "string:org.freedesktop.UDisks2"]  # fmt: skip
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        return "true" in done.stdout

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
