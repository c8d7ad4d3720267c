# SPDX-License-Identifier: Apache-2.0
"""What Chromium itself says of installing the panel: on loopback here, which it trusts like TLS."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import atre_web

if TYPE_CHECKING:
    from playwright import sync_api
    from tests.browser.office import Office

pytestmark = pytest.mark.browser

STATIC = Path(atre_web.__file__).parent / "static"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_chromium_would_install_the_panel(
    profile: "Callable[..., sync_api.BrowserContext]",
    lone_offices: "dict[str, Office]",
    language: str,
) -> None:
    office = lone_offices["stopped"]
    context = profile(base_url=office.url)  # a private window would install nothing
    office.sign_in(context, "manager")
    page = context.new_page()
    page.goto(f"/help?lang={language}")
    browser = page.context.new_cdp_session(page)
    manifest: dict[str, Any] = browser.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["lang"] == language
    assert browser.send("Page.getInstallabilityErrors")["installabilityErrors"] == []


@pytest.mark.parametrize("size", [192, 512])
def test_an_icon_is_as_large_as_the_manifest_says(size: int) -> None:
    header = (STATIC / f"icon-{size}.png").read_bytes()[16:24]
    assert struct.unpack(">II", header) == (size, size)
