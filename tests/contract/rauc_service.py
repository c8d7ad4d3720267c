# SPDX-License-Identifier: Apache-2.0
"""The real RAUC on a private bus, with two slots in files and keys of its own.

A kernel without device-mapper cannot write a ``verity`` bundle, which is what boxes take; the
service here also takes ``plain`` ones, which are written by the same code.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from atre.ipc.closing import Closing

COMPATIBLE = "atre-x86-64"
_MIB = 2**20
_PROGRAMS = ("rauc", "dbus-daemon", "mksquashfs", "openssl", "losetup")

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path={socket}</listen>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_type="method_call"/>
    <allow send_type="signal"/><allow receive_type="signal"/>
    <allow send_requested_reply="true"/><allow receive_requested_reply="true"/>
  </policy>
</busconfig>
"""


def missing() -> str:
    """Why it cannot run here, "" if it can."""
    gone = [name for name in _PROGRAMS if not shutil.which(name, path=_path())]
    if gone:
        return f"not installed: {' '.join(gone)}"
    return "" if os.geteuid() == 0 else "needs root, for loop devices"


class Keys:
    """A release authority and a signer; ``authority`` is what boxes trust."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(exist_ok=True)
        self.authority, self.key = folder / f"{name}.crt", folder / f"{name}.key"
        run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
            "-subj", f"/CN={name}", "-keyout", self.key, "-out", self.authority,
        )  # fmt: skip


def make_bundle(
    work: Path,
    keys: Keys,
    *,
    version: str = "2.0.0",
    compatible: str = COMPATIBLE,
    form: str = "plain",
    content: bytes = b"new",
) -> Path:
    """A signed bundle for both images of a slot."""
    tree = work / f"tree-{version}-{compatible}-{form}-{keys.authority.stem}"
    tree.mkdir(parents=True)
    # Noise, because RAUC makes no verity bundle of less than a page.
    noise = random.Random(version).randbytes(64 * 1024)
    (tree / "boot.img").write_bytes(b"boot " + content + noise)
    (tree / "root.img").write_bytes((b"root " + content + noise).ljust(_MIB, b"."))
    (tree / "manifest.raucm").write_text(
        f"[update]\ncompatible={compatible}\nversion={version}\n\n[bundle]\nformat={form}\n\n"
        "[meta.atre]\nchannel=stable\nminimum-version=1.0.0\nchanges-en=Faster.\n"
        "changes-fr=Plus rapide.\n\n"
        "[image.boot]\nfilename=boot.img\n\n[image.root]\nfilename=root.img\n"
    )
    bundle = work / f"{tree.name}.raucb"
    run("rauc", "bundle", f"--cert={keys.authority}", f"--key={keys.key}", tree, bundle)
    return bundle


class RaucService(Closing):
    """The service: ``address`` is its bus, ``devices`` are the slots that it writes to.

    ``before`` is a program that it runs before it writes.
    """

    def __init__(
        self, work: Path, keys: Keys, *, running: str = "a", before: Path | None = None
    ) -> None:
        self.work = work
        self._before = f"pre-install={before}\n" if before else ""
        self._stack = ExitStack()
        self.address = f"unix:path={work / 'bus'}"
        self.boot_dir = work / "atre"
        self.boot_dir.mkdir()
        self.command_line = work / "cmdline"
        self.command_line.write_text(f"quiet atre.slot={running} atre.trial=\n")
        try:
            self._start(keys, running)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._stack.close()

    def read(self, name: str, size: int) -> bytes:
        """The first bytes of a slot."""
        with self.devices[name].open("rb") as file:
            return file.read(size)

    def _start(self, keys: Keys, running: str) -> None:
        self.devices = {
            f"{kind}.{number}": self._loop(f"{kind}-{number}", size)
            for kind, size in (("boot", _MIB), ("root", 4 * _MIB))
            for number in (0, 1)
        }
        handler = self.work / "atre-boot-choice"
        handler.write_text(
            f"#!/bin/sh\nexport PYTHONPATH={':'.join(sys.path)} ATRE_BOOT_DIR={self.boot_dir} "
            f"ATRE_COMMAND_LINE={self.command_line}\nexec {sys.executable} -m "
            f'atre.updates.boot_verbs "$@"\n'
        )
        handler.chmod(0o755)
        config = self.work / "system.conf"
        config.write_text(self._config(keys, handler))
        (self.work / "bus.conf").write_text(_BUS.format(socket=self.work / "bus"))
        self._spawn("dbus-daemon", f"--config-file={self.work / 'bus.conf'}", "--nofork")
        wait_for((self.work / "bus").exists)
        self._spawn(
            "rauc", f"--conf={config}", f"--mount={self.work / 'mnt'}",
            f"--override-boot-slot={running}", "service",
        )  # fmt: skip
        wait_for(self._answers)

    def _config(self, keys: Keys, handler: Path) -> str:
        slots = "".join(
            f"\n[slot.{kind}.{number}]\ndevice={self.devices[f'{kind}.{number}']}\ntype=raw\n"
            + (f"bootname={name}\n" if kind == "boot" else f"parent=boot.{number}\n")
            for number, name in ((0, "a"), (1, "b"))
            for kind in ("boot", "root")
        )
        (self.work / "mnt").mkdir()
        return (
            f"[system]\ncompatible={COMPATIBLE}\nbootloader=custom\n"
            f"statusfile={self.work / 'status'}\nmountprefix={self.work / 'mnt'}\n"
            f"\n[handlers]\n{self._before}bootloader-custom-backend={handler}\n"
            f"\n[keyring]\npath={keys.authority}\n{slots}"
        )

    def _loop(self, name: str, size: int) -> Path:
        file = self.work / name
        with file.open("wb") as opened:
            opened.truncate(size)
        device = run("losetup", "--find", "--show", file).strip()
        self._stack.callback(run, "losetup", "--detach", device)
        return Path(device)

    def _spawn(self, *argv: str | Path) -> None:
        log = self._stack.enter_context((self.work / f"{Path(argv[0]).name}.log").open("wb"))
        process = subprocess.Popen(
            argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=self._environment()
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)

    def _environment(self) -> dict[str, str]:
        # The bus of the test is the system's for what is started here.
        return {**os.environ, "PATH": _path(), "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def _answers(self) -> bool:
        asked = subprocess.run(
            ["dbus-send", f"--bus={self.address}", "--print-reply",
             "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
             "org.freedesktop.DBus.NameHasOwner", "string:de.pengutronix.rauc"],
            capture_output=True, check=False, text=True,
        )  # fmt: skip
        return "boolean true" in asked.stdout


def wait_for(is_there: Callable[[], bool], patience_s: float = 20.0) -> None:
    """Look again and again, as there is nothing to be told by."""
    end = time.monotonic() + patience_s
    while not is_there():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def run(*argv: str | Path) -> str:
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, env={**os.environ, "PATH": _path()}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _path() -> str:
    return f"{os.environ['PATH']}:/usr/sbin:/sbin"
