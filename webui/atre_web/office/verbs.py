# SPDX-License-Identifier: Apache-2.0
from typing import Protocol

from flask import Flask, current_app

from atre.ipc.box_messages import SupportBundle
from atre.ipc.messages import BoxDescription
from atre.ipc.presence import SleepTimes

_EXTENSION = "atre.office"


class Verbs(Protocol):
    """What the management daemon does for managers; see ``atre.ipc.client``."""

    def use_certificate(self, certificate: bytes, key: bytes, chain: bytes) -> BoxDescription: ...

    def reset_certificate(self, *, authority: bool) -> BoxDescription: ...

    def set_discovery(self, *, announced: bool) -> BoxDescription: ...

    def set_sleep(self, times: SleepTimes | None) -> BoxDescription: ...

    def restart_engine(self) -> BoxDescription: ...

    def support_bundle(self) -> SupportBundle: ...


def install(app: Flask, box: Verbs) -> None:
    """Let ``verbs`` find the daemon."""
    app.extensions[_EXTENSION] = box


def verbs() -> Verbs:
    """The management daemon."""
    found: Verbs = current_app.extensions[_EXTENSION]
    return found
