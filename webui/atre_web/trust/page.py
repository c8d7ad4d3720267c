# SPDX-License-Identifier: Apache-2.0
"""The page that explains how a device comes to trust the box."""

from flask import current_app, render_template, request

from atre.ipc.messages import CertificateSource
from atre_web.panel import snapshot
from atre_web.panel.address import panel_urls
from atre_web.panel.facts import grouped
from atre_web.trust.authority import Authority

EXTENSION = "atre.trust"

# What browsers call their system, in the order in which to look: Android's also says Linux, an
# iPhone's also says Mac OS X.
_SYSTEMS = (
    ("iphone", "ios"),
    ("ipad", "ios"),
    ("android", "android"),
    ("windows", "windows"),
    ("mac os x", "macos"),
    ("linux", "linux"),
)


def show() -> str:
    """The guide, with the part for this device open."""
    box = snapshot.box()
    return render_template(
        "trust.html",
        is_imported=box is not None and box.certificate_source is CertificateSource.IMPORTED,
        fingerprint=grouped(authority().sha256()),
        urls=panel_urls(box) if box else [],
        system=system_of(request.headers.get("User-Agent", "")),
    )


def authority() -> Authority:
    """The authority that this application hands out."""
    found: Authority = current_app.extensions[EXTENSION]
    return found


def system_of(user_agent: str) -> str:
    """Which part of the guide is for this browser; empty if that is not known."""
    lowered = user_agent.lower()
    return next((system for mark, system in _SYSTEMS if mark in lowered), "")
