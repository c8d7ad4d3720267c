# SPDX-License-Identifier: Apache-2.0
"""What is plugged together before the power button is pressed, as QEMU is told of it."""

import base64
import shutil
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_FIRMWARE = Path("/usr/share/OVMF")
_LOG_OPTIONS = "log-sector-size=512,discard=unmap"
# A merged request of 1,024 pieces fails in blklogwrites: its header is one more than pwritev(2)
# takes, and the guest sees an I/O error (QEMU 7.2).
_DEVICE_OPTIONS = "write-zeroes=off,request-merging=off"
DISK_BYTES = 12 * 2**30


def free_port() -> int:
    """A port of this host's loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One machine in full emulation with UEFI firmware; it reaches nobody outside.

    It has one processor: where a kernel patches its own code while another processor runs it, full
    emulation may show that one an instruction half written (seen as "Oops: int3", QEMU 7.2).
    ``disk`` is raw or, by its ending, qcow2. ``credentials`` are systemd's, handed over by the
    firmware as a hypervisor does (systemd.system-credentials(7)): units and drop-ins of a test
    come to the image that way, which stays as it is shipped. ``sticks`` are raw images of USB
    sticks. ``tpm`` is the folder that a TPM2 remembers in: the same folder is the same chip.
    ``lan`` is the socket of a ``Wire``. ``write_log`` records what is written to the disk, which is
    raw then (QEMU's blklogwrites; README.md beside this file). ``snapshot`` names a state of the
    running machine kept in ``disk``.
    ``is_careful``: what was flushed is on this host's disk, and what was not may be lost with
    QEMU's process, as a drive's cache is lost with the power. ``ends_at_restart``: the process ends
    where the machine would start anew.
    """

    disk: Path
    work: Path
    credentials: Mapping[str, str] = field(default_factory=dict)
    sticks: Sequence[Path] = ()
    tpm: Path | None = None
    lan: Path | None = None
    write_log: Path | None = None
    snapshot: str | None = None
    is_careful: bool = False
    ends_at_restart: bool = False
    memory_mb: int = 2560
    https_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)

    @property
    def serial(self) -> Path:
        return self.work / "serial.log"

    @property
    def monitor(self) -> Path:
        return self.work / "qmp.sock"

    @property
    def shell(self) -> Path:
        """The second serial port, as a socket."""
        return self.work / "shell.sock"

    @property
    def chip(self) -> Path:
        """The socket of the process that is its TPM."""
        return self.work / "tpm.sock"

    def command(self) -> list[str]:
        """The arguments of QEMU; makes the firmware's variables where they are missing."""
        variables = self.work / "vars.qcow2"
        if not variables.exists():
            plain = _FIRMWARE / "OVMF_VARS_4M.fd"
            convert = ("qemu-img", "convert", "-f", "raw", "-O", "qcow2", plain, variables)
            subprocess.run(convert, check=True)
        code = f"if=pflash,format=raw,readonly=on,file={_FIRMWARE}/OVMF_CODE_4M.fd"
        forwards = (
            f"hostfwd=tcp:127.0.0.1:{self.https_port}-:443,"
            f"hostfwd=tcp:127.0.0.1:{self.http_port}-:80"
        )
        return [
            "qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max",
            "-smp", "1", "-m", str(self.memory_mb),
            "-display", "none", "-nodefaults", "-vga", "std",
            "-drive", code, "-drive", f"if=pflash,format=qcow2,file={variables}",
            *self._disk_options(),
            "-device", f"virtio-blk-pci,drive=disk,bootindex=0,{_DEVICE_OPTIONS}",
            "-qmp", f"unix:{self.monitor},server=on,wait=off",
            "-serial", f"file:{self.serial}",
            "-chardev", f"socket,id=shell,path={self.shell},server=on,wait=off",
            "-serial", "chardev:shell",
            "-nic", f"user,model=virtio-net-pci,restrict=on,{forwards}",
            "-device", "i6300esb", "-action", "watchdog=reset",
            "-device", "qemu-xhci,id=usb",
            *self._lan_options(),
            *self._stick_options(),
            *self._chip_options(),
            *self._credential_options(),
            *(["-no-reboot"] if self.ends_at_restart else []),
            *(["-loadvm", self.snapshot] if self.snapshot else []),
        ]  # fmt: skip

    def _disk_options(self) -> list[str]:
        kind = "qcow2" if self.disk.suffix == ".qcow2" else "raw"
        cache = "writeback" if self.is_careful else "unsafe"
        if self.write_log is None:
            return ["-drive", f"if=none,id=disk,format={kind},file={self.disk},cache={cache}"]
        return [
            "-blockdev",
            f"driver=file,node-name=plain,filename={self.disk},cache.no-flush=on,discard=unmap",
            "-blockdev",
            f"driver=file,node-name=log,filename={self.write_log},cache.no-flush=on",
            "-blockdev",
            f"driver=blklogwrites,node-name=disk,file=plain,log=log,{_LOG_OPTIONS}",
        ]  # fmt: skip

    def _lan_options(self) -> list[str]:
        if self.lan is None:
            return []
        where = f"stream,id=lan,server=off,addr.type=unix,addr.path={self.lan}"
        return ["-netdev", where, "-device", "virtio-net-pci,netdev=lan"]

    def _stick_options(self) -> list[str]:
        options = []
        for number, stick in enumerate(self.sticks):
            drive = f"if=none,id=stick{number},format=raw,file={stick},readonly=on"
            device = f"usb-storage,bus=usb.0,drive=stick{number},removable=on"
            options += ["-drive", drive, "-device", device]
        return options

    def _chip_options(self) -> list[str]:
        if self.tpm is None:
            return []
        return [
            "-chardev", f"socket,id=chip,path={self.chip}",
            "-tpmdev", "emulator,id=tpm,chardev=chip", "-device", "tpm-crb,tpmdev=tpm",
        ]  # fmt: skip

    def _credential_options(self) -> list[str]:
        options = []
        for name, text in self.credentials.items():
            value = base64.b64encode(text.encode()).decode()
            options += ["-smbios", f"type=11,value=io.systemd.credential.binary:{name}={value}"]
        return options


def is_missing() -> str | None:
    """What is not installed for such a machine, None if nothing."""
    for tool in ("qemu-system-x86_64", "qemu-img"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    if not (_FIRMWARE / "OVMF_CODE_4M.fd").exists():
        return "ovmf is not installed"
    return None


def flashed(image: Path, disk: Path) -> Path:
    """A disk as it is after flashing: larger than the image."""
    subprocess.run(["cp", "--sparse=always", image, disk], check=True)
    with disk.open("r+b") as opened:
        opened.truncate(DISK_BYTES)
    return disk


def layer_over(disk: Path, layer: Path) -> Path:
    """A qcow2 disk with what ``disk`` holds, which stays as it is from here on."""
    kind = "qcow2" if disk.suffix == ".qcow2" else "raw"
    make = ("qemu-img", "create", "-q", "-f", "qcow2", "-b", disk, "-F", kind, layer)
    subprocess.run(make, check=True)
    return layer
