# SPDX-License-Identifier: Apache-2.0
"""From the models page to an answer of another model, as a manager does it on a phone."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from tests.browser.pictures import picture

from atre.plan.planning import factory_model_path

if TYPE_CHECKING:
    from tests.fake_hub import FakeHub

pytestmark = pytest.mark.browser

PHONE = {
    "viewport": {"width": 320, "height": 640},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
MODEL = "Qwen3 4B"
FILE = "bartowski/Qwen_Qwen3-4B-GGUF/Qwen_Qwen3-4B-Q4_K_M.gguf"


@pytest.fixture(scope="module")
def hub(fake_hub: ModuleType, monkeypatch_module: pytest.MonkeyPatch) -> "Iterator[FakeHub]":
    """Serves the factory model for a model of the catalogue; the box takes it for the world's."""
    content = factory_model_path().read_bytes()
    with fake_hub.FakeHub(files={FILE: content}) as running:
        monkeypatch_module.setenv("HF_ENDPOINT", running.endpoint)
        monkeypatch_module.setenv("NO_PROXY", "*")
        yield running


@pytest.fixture(scope="module")
def monkeypatch_module() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def box(
    hub: "FakeHub", tmp_path_factory: pytest.TempPathFactory, serve_box: Callable[..., Any]
) -> Iterator[Any]:
    """A box that may choose its model, and asks our hub."""
    assert hub.files
    with serve_box(tmp_path_factory.mktemp("models"), model=None) as running:
        yield running


def overflow_px(page: Any) -> int:
    root = "document.documentElement"
    return int(page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


def offer(page: Any) -> Any:
    """The model in the catalogue, which is opened if it is closed."""
    catalogue = page.locator("details.catalogue")
    if catalogue.get_attribute("open") is None:
        catalogue.locator("summary").click()
    return catalogue.locator("li", has_text=MODEL).first


def test_a_model_is_downloaded_used_verified_and_removed_on_a_phone(
    enter: Callable[..., Any], hub: "FakeHub"
) -> None:
    page = enter(**PHONE)
    page.get_by_role("link", name="Gestion").click()
    page.get_by_role("link", name="Modèles", exact=True).click()
    page.get_by_role("heading", name="Conseillé pour cette machine").wait_for()
    assert overflow_px(page) <= 0
    hub.stall_after = 2**21
    offer(page).get_by_role("button", name="Télécharger").click()
    page.locator("#job progress[value]").wait_for()
    page.locator("[data-part=figures]", has_text="Mo sur").wait_for()
    picture(page, "models-downloading-phone")
    page.get_by_role("button", name="Annuler").click()
    page.get_by_role("heading", name="Téléchargements inachevés").wait_for()
    picture(page, "models-unfinished-phone")
    hub.let_go()
    page.get_by_role("button", name="Reprendre").click()
    # The page follows by itself from here: no reload is asked for.
    page.locator("#job", has_text=f"{MODEL} est installé et vérifié.").wait_for()
    installed = page.locator("section", has_text="Installés").locator("li", has_text=MODEL)
    installed.get_by_role("button", name="Utiliser").click()
    installed.locator(".badge", has_text="en service").wait_for()
    assert overflow_px(page) <= 0
    picture(page, "models-used-phone")
    installed.get_by_role("button", name="Vérifier").click()
    page.locator("#job", has_text=f"{MODEL} est intact.").wait_for()
    page.goto("/")
    page.locator("#question").fill("Que pouvez-vous faire ?")
    page.locator("#send").tap()
    page.locator(".again:visible").wait_for()
    page.goto("/models")
    factory = page.locator("section", has_text="Installés").locator("li", has_text="usine")
    factory.get_by_role("button", name="Utiliser").click()
    factory.locator(".badge", has_text="en service").wait_for()
    page.get_by_role("link", name="Retirer").click()
    page.get_by_role("heading", name=f"Retirer {MODEL}").wait_for()
    assert overflow_px(page) <= 0
    picture(page, "models-remove-phone")
    page.get_by_role("button", name="Retirer").click()
    page.get_by_role("heading", name="Conseillé").wait_for()
    assert page.locator("section", has_text="Installés").locator("li").count() == 1


def test_a_refused_wish_is_said_on_the_page_and_needs_no_script(enter: Callable[..., Any]) -> None:
    page = enter(may_fail=["/models/pull", "/models/verify"])
    page.goto("/models")
    page.evaluate("document.querySelector('.catalogue form input[name=model]').value = 'nobody'")
    page.locator(".catalogue summary").click()
    page.locator(".catalogue form button").first.click()
    page.get_by_role("alert", name="").wait_for()
    assert "Aucun modèle de ce nom" in page.get_by_role("alert").inner_text()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fr", {"locale": "fr-FR"}),
        ("en", {"locale": "en-GB"}),
        ("dark", {"locale": "fr-FR", "color_scheme": "dark"}),
        ("phone-dark", {"locale": "en-GB", "color_scheme": "dark", **PHONE}),
    ],
)
def test_screenshots(enter: Callable[..., Any], name: str, options: dict[str, Any]) -> None:
    page = enter(**options)
    page.goto("/models")
    page.locator(".catalogue summary").click()
    assert overflow_px(page) <= 0
    picture(page, f"models-{name}")
