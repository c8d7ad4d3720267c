# SPDX-License-Identifier: Apache-2.0
"""What the office's electricity costs and emits, and what measures it."""

from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from atre.errors import EngineError, InvalidRequestError
from atre.ipc.power_messages import CUSTOM_TARIFF, PowerDescription, TariffOffer
from atre_web.accounts import current
from atre_web.panel.form import field
from atre_web.panel.wording import gettext, is_french, said
from atre_web.power import settings_form
from atre_web.power.page import client
from atre_web.power.settings_form import NUM_PERIODS, FormError

blueprint = Blueprint("power_settings", __name__)

_PLUGS = (("shelly", "Shelly"), ("tasmota", "Tasmota"))
_CURRENCIES = ("EUR", "CAD", "USD")


@blueprint.get("/power/settings")
def show() -> Response:
    """The form."""
    message = gettext("C’est enregistré.") if request.args.get("done") == "1" else ""
    try:
        return _page(client().describe(), message=message)
    except EngineError:
        return _page(None)


@blueprint.post("/power/settings")
def change() -> Response:
    """Set everything at once; an empty password keeps the one that is known."""
    try:
        power = client().describe()
    except EngineError:
        return _page(None, 503)
    try:
        wanted = settings_form.read(field, power.co2_examples)
    except FormError as error:
        return _page(power, 400, wrong=error.param, problem=_sentence(error.param))
    password = field("plug_password") or ("" if field("plug_forget") == "yes" else None)
    try:
        client().set(wanted, plug_password=password)
    except InvalidRequestError as error:
        param = error.param or "tariff"
        return _page(power, 400, wrong=param, problem=_sentence(param))
    except EngineError:
        return _page(power, 503, problem=gettext("Le boîtier n’a pas pu l’enregistrer. Réessayez."))
    current.record("power.settings")
    return redirect("/power/settings?done=1", 303)


@blueprint.post("/power/calibration/forget")
def forget() -> Response:
    """Throw the calibration away."""
    client().forget_calibration()
    current.record("power.forget-calibration")
    return redirect("/power", 303)


def _example_days() -> str:
    return "lun-ven 06:00-22:00" if is_french() else "mon-fri 06:00-22:00"


def _sentence(param: str) -> str:
    """What to write in the field that was refused."""
    sentences = {
        "calendar": gettext(
            "Cet horaire n’est pas compris. Écrivez par exemple « %(days)s » ou « %(hours)s ».",
            days=_example_days(),
            hours="22:30-06:30",
        ),
        "peak_days": gettext(
            "Écrivez les jours de pointe comme 2027-01-14, séparés par des espaces."
        ),
        "co2_source": gettext(
            "Dites d’où vient le chiffre du CO₂ : sans source, il n’est pas montré."
        ),
        "plug": gettext("Donnez le nom ou l’adresse IP de la prise, par exemple 192.0.2.7."),
        "ups": gettext(
            "Donnez le nom de l’onduleur dans NUT et l’adresse d’upsd, par exemple %(address)s.",
            address="127.0.0.1:3493",
        ),
        "tariff": gettext("Ce tarif n’existe pas. Choisissez-en un dans la liste."),
        "": gettext("Écrivez un nombre, par exemple 18,5."),
    }
    kind = {"off_peak": "calendar", "custom": "calendar", "ups_nominal": "number"}.get(param, param)
    return next(words for start, words in sentences.items() if kind.startswith(start))


def _page(power: PowerDescription | None, status: int = 200, **more: Any) -> Response:
    shown = _kept(power) if power and status == 200 else _sent()  # noqa: PLR2004
    body = render_template(
        "power_settings.html",
        power=power,
        shown=shown,
        tariffs=[
            {
                "id": offer.id,
                "title": said(offer.title),
                "origin": _origin(offer),
            }
            for offer in (power.tariffs if power else [])
        ],
        plugs=_PLUGS,
        example_days=_example_days(),
        examples=[
            (each.id, said(each.title), each.g_kwh, each.source, each.year)
            for each in (power.co2_examples if power else [])
        ],
        custom=CUSTOM_TARIFF,
        currencies=_CURRENCIES,
        num_periods=NUM_PERIODS,
        **more,
    )
    return make_response(body, status)


def _origin(offer: TariffOffer) -> str:
    """What an example is made of, and where that was read."""
    told = gettext(
        "%(title)s. %(note)s Source : %(source)s, %(date)s.",
        title=said(offer.title),
        note=said(offer.note),
        source=offer.source,
        date=offer.date,
    )
    if offer.is_verified:
        return told
    doubt = gettext("À vérifier sur votre facture.")
    return f"{told} {doubt}"


def _sent() -> dict[str, str]:
    """A form that was refused comes back as it was filled in; a password does not."""
    return {name: field(name) for name in request.form if name != "plug_password"}


def _kept(power: PowerDescription) -> dict[str, str]:
    settings = power.settings
    custom, plug, ups = settings.custom, settings.plug, settings.ups
    example = next(
        (
            each.id
            for each in power.co2_examples
            if (each.g_kwh, f"{each.source} ({each.year})")
            == (settings.co2_g_kwh, settings.co2_source)
        ),
        "" if settings.co2_g_kwh is None else "own",
    )
    shown = {
        "tariff": settings.tariff,
        "off_peak": settings.off_peak,
        "peak_days": " ".join(settings.peak_days),
        "other_kwh_day": _written(settings.other_kwh_day),
        "co2": example,
        "co2_g_kwh": _written(settings.co2_g_kwh),
        "co2_source": settings.co2_source,
        "currency": custom.currency if custom else _CURRENCIES[0],
        "cents_kwh": _written(custom.cents_kwh if custom else None),
        "plug_kind": plug.kind if plug else "",
        "plug_address": plug.address if plug else "",
        "plug_user": plug.user if plug else "",
        "ups_name": ups.name if ups else "",
        "ups_address": ups.address if ups else "",
        "ups_nominal": _written(ups.nominal_w if ups else None),
    }
    for index, period in enumerate(custom.periods[:NUM_PERIODS] if custom else []):
        shown[f"calendar_{index}"] = period.calendar
        shown[f"cents_{index}"] = _written(period.cents_kwh)
    return shown


def _written(value: float | None) -> str:
    """A number as the field takes it back."""
    if value is None:
        return ""
    text = f"{value:.6g}"
    return text.replace(".", ",") if is_french() else text
