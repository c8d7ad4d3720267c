# SPDX-License-Identifier: Apache-2.0
"""A service that answers on a bus of its own as udisksd does, about hardware that is not here.

Objects and properties are those that the interface's description lists
(storaged.org/doc/udisks2-api/latest) for a PC with an NVMe disk and a USB stick; the errors are
those that the real one gave in ``test_disks``.
"""

import asyncio
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

_BUS = """<busconfig><type>session</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""
_NAME = "org.freedesktop.UDisks2"
_TIMEOUT_S = 20.0
STICK = "/org/freedesktop/UDisks2/block_devices/sdb1"
_DRIVE = "/org/freedesktop/UDisks2/drives/SanDisk_Ultra_4C530001"
_TYPES = {"Size": "t", "DeviceNumber": "t", "Number": "u", "Drive": "o", "Table": "o",
          "CryptoBackingDevice": "o", "MountPoints": "aay", "Symlinks": "aay"}  # fmt: skip


def missing_part() -> str | None:
    """Why the bus cannot run here, None if it can."""
    if sys.platform != "linux":
        return "D-Bus is Linux's"
    return None if shutil.which("dbus-daemon") else "not installed: dbus"


def _block(major: int, minor: int, **more: Any) -> dict[str, Any]:
    return {
        "CryptoBackingDevice": "/", "DeviceNumber": major << 8 | minor, "Drive": "/",
        "HintIgnore": False, "HintSystem": False, "Id": "", "IdLabel": "", "IdType": "",
        "IdUUID": "", "IdUsage": "", "ReadOnly": False, "Size": 64 * 10**9, "Symlinks": [],
    } | more  # fmt: skip


def tree() -> dict[str, dict[str, dict[str, Any]]]:
    """The objects, as plain values."""
    root = "/org/freedesktop/UDisks2"
    system = f"{root}/drives/Samsung_990"
    return {
        system: {"Drive": {"Vendor": "", "Model": "Samsung 990", "Id": "Samsung-990",
                           "CanPowerOff": False, "Ejectable": False, "Optical": False}},
        f"{root}/block_devices/nvme0n1p2": {
            "Block": _block(259, 2, Drive=system, IdType="ext4", IdUsage="filesystem",
                            IdUUID="sys", HintSystem=True),
            "Filesystem": {"MountPoints": [b"/\0"]},
        },
        _DRIVE: {"Drive": {"Vendor": "SanDisk", "Model": "Ultra", "Id": "SanDisk-Ultra-4C530001",
                           "CanPowerOff": True, "Ejectable": True, "Optical": False}},
        f"{root}/block_devices/sdb": {
            "Block": _block(8, 16, Drive=_DRIVE),
            "PartitionTable": {"Type": "dos"},
        },
        STICK: {
            "Block": _block(8, 17, Drive=_DRIVE, IdType="exfat", IdUsage="filesystem",
                            IdUUID="4A1B-22C3", IdLabel="LUNDI"),
            "Partition": {"Number": 1, "Table": f"{root}/block_devices/sdb", "IsContainer": False},
            "Filesystem": {"MountPoints": []},
        },
    }  # fmt: skip


class FakeUDisks:
    """While entered, it answers. ``calls`` are the methods that were called, with their options.

    ``objects`` may be changed at any time; ``errors`` are names of errors by method.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.bus_address = f"unix:path={directory / 'fake-bus'}"
        self.objects = tree()
        self.calls: list[tuple[str, str, list[Any]]] = []
        self.errors: dict[str, tuple[str, str]] = {}
        self.place = directory / "mounted"

    def __enter__(self) -> Self:
        config = self._directory / "fake-bus.conf"
        config.write_text(_BUS.format(path=self._directory / "fake-bus"))
        argv = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile",
                "--print-address"]  # fmt: skip
        self._daemon = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._daemon.stdout is not None
        self._daemon.stdout.readline()  # written once it listens
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self._loop).result(_TIMEOUT_S)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._leave(), self._loop).result(_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._daemon.terminate()
        self._daemon.wait()
        assert self._daemon.stdout is not None
        self._daemon.stdout.close()

    def plug_in(self, path: str, interfaces: dict[str, dict[str, Any]]) -> None:
        """Add an object, and tell of it."""
        self.objects[path] = interfaces
        self._loop.call_soon_threadsafe(self._tell, path, interfaces)

    async def _serve(self) -> None:
        self._bus = await MessageBus(self.bus_address, BusType.SYSTEM).connect()
        self._bus.add_message_handler(self._answer)
        await self._bus.request_name(_NAME)

    async def _leave(self) -> None:
        self._bus.disconnect()
        await self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]

    def _tell(self, path: str, interfaces: dict[str, dict[str, Any]]) -> None:
        signal = Message(
            message_type=MessageType.SIGNAL, path="/org/freedesktop/UDisks2",
            interface="org.freedesktop.DBus.ObjectManager", member="InterfacesAdded",
            signature="oa{sa{sv}}", body=[path, _variants(interfaces)],
        )  # fmt: skip
        self._bus.send(signal)

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is not MessageType.METHOD_CALL or message.member is None:
            return None
        member, path = message.member, message.path or ""
        if member == "GetManagedObjects":
            found = {each: _variants(interfaces) for each, interfaces in self.objects.items()}
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [found])
        self.calls.append((path, member, list(message.body)))
        if member in self.errors:
            return Message.new_error(message, *self.errors[member])
        match member:
            case "Mount":
                self.place.mkdir(exist_ok=True)
                self.objects[path]["Filesystem"]["MountPoints"] = [bytes(self.place) + b"\0"]
                return Message.new_method_return(message, "s", [str(self.place)])
            case "Unmount":
                self.objects[path]["Filesystem"]["MountPoints"] = []
            case "PowerOff":
                gone = [each for each, has in self.objects.items()
                        if has.get("Block", {}).get("Drive") == path]  # fmt: skip
                for each in [*gone, path]:
                    del self.objects[each]
        return Message.new_method_return(message)


def _variants(interfaces: dict[str, dict[str, Any]]) -> dict[str, dict[str, Variant]]:
    return {
        f"{_NAME}.{name}": {key: _variant(key, value) for key, value in properties.items()}
        for name, properties in interfaces.items()
    }


def _variant(key: str, value: Any) -> Variant:
    kind = _TYPES.get(key) or ("b" if isinstance(value, bool) else "s")
    return Variant(kind, value)
