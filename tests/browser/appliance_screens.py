# SPDX-License-Identifier: Apache-2.0
"""The pages about updates and the machine, in the states of ``tests.appliance_stand_in``."""

from typing import TYPE_CHECKING

from tests.browser.screen import WRONG, Host, Screen, unfold

if TYPE_CHECKING:
    from playwright.sync_api import Page

PASSWORD = "quatre mots à la suite"


def _enter_the_code(page: "Page") -> None:
    page.locator("#code").fill("K7QP-2M4X")
    page.locator("#code").press("Enter")
    page.locator("#person").wait_for()


def _order_reset(page: "Page", serial: str) -> None:
    page.locator("#typed").fill(serial)
    page.locator("#current").fill(PASSWORD)
    page.locator("#current").press("Enter")


def _mistake_the_serial(page: "Page") -> None:
    _order_reset(page, WRONG)
    page.get_by_role("alert").wait_for()


def _erase(page: "Page") -> None:
    _order_reset(page, "ATRE-7F3A-0042")
    page.locator(".door").wait_for()


def _mistake_the_mask(page: "Page") -> None:
    page.locator('[value="static"]').check()
    page.locator("#address").fill("192.168.1.50")
    page.locator("#mask").fill("grand")
    page.locator("#mask").press("Enter")
    page.get_by_role("alert").wait_for()


def _change_the_address(page: "Page") -> None:
    page.locator('[value="static"]').check()
    page.locator("#interface").select_option("enp1s0")
    page.locator("#address").fill("192.168.1.50/24")
    page.locator("#address").press("Enter")
    page.locator(".door").wait_for()


_UPDATES: tuple[Host, ...] = (
    "ready", "writing", "waiting", "trial", "returned", "absent", "stopped",
)  # fmt: skip

APPLIANCE_SCREENS: list[Screen] = [
    *(
        Screen(
            name=f"updates-{host}",
            rule="/updates",
            path="/updates",
            template="updates.html",
            host=host,
            act=unfold,
        )
        for host in _UPDATES
    ),
    Screen(name="chat-notice", rule="/", path="/", template="chat.html", host="trial"),
    Screen(name="home-ready", rule="/admin", path="/admin", template="home.html", host="ready"),
    Screen(name="home-reset", rule="/admin", path="/admin", template="home.html", host="returned"),
    Screen(name="erase", rule="/reset", path="/reset", template="reset.html", host="ready"),
    Screen(
        name="erase-wrong",
        rule="/reset",
        path="/reset",
        template="reset.html",
        host="ready",
        act=_mistake_the_serial,
    ),
    Screen(
        name="erase-ordered",
        rule="/reset",
        path="/reset",
        template="reset_ordered.html",
        host="ready",
        act=_erase,
    ),
    Screen(
        name="erase-pending", rule="/reset", path="/reset", template="reset.html", host="returned"
    ),
    Screen(name="erase-absent", rule="/reset", path="/reset", template="reset.html", host="absent"),
    Screen(
        name="address",
        rule="/network/address",
        path="/network/address",
        template="address.html",
        host="ready",
    ),
    Screen(
        name="address-wrong",
        rule="/network/address",
        path="/network/address",
        template="address.html",
        host="ready",
        act=_mistake_the_mask,
    ),
    Screen(
        name="address-told",
        rule="/network/address",
        path="/network/address",
        template="address_told.html",
        host="ready",
        act=_change_the_address,
    ),
    Screen(
        name="address-trial",
        rule="/network/address",
        path="/network/address",
        template="address.html",
        host="trial",
    ),
    Screen(
        name="address-absent",
        rule="/network/address",
        path="/network/address",
        template="address.html",
        host="absent",
    ),
    Screen(
        name="address-arrived",
        rule="/network/address/<change_id>",
        path=f"/network/address/{'c' * 32}",
        template="address_kept.html",
        reader="nobody",
        host="trial",
    ),
    Screen(
        name="address-late",
        rule="/network/address/<change_id>",
        path="/network/address/x",
        template="address_kept.html",
        reader="nobody",
        host="trial",
    ),
    Screen(
        name="presence",
        rule="/login/presence",
        path="/login/presence",
        template="presence.html",
        reader="nobody",
        host="ready",
    ),
    Screen(
        name="presence-absent",
        rule="/login/presence",
        path="/login/presence",
        template="presence.html",
        reader="nobody",
        host="absent",
    ),
    Screen(
        name="presence-code",
        rule="/login/presence",
        path="/login/presence",
        template="presence.html",
        reader="nobody",
        host="ready",
        act=_enter_the_code,
    ),
]
