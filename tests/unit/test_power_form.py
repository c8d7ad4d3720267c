# SPDX-License-Identifier: Apache-2.0
"""Whatever a browser sends as electricity settings is settings, or names the field at fault."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from atre.ipc.power_messages import Co2Example, PlugSettings, PowerSettings, UpsSettings
from atre.sentence import Sentence
from atre_web.power.settings_form import FormError, read

QUEBEC = Co2Example(
    id="quebec", title=Sentence("", ""), g_kwh=1.5, source="Grid", year=2025, is_verified=True
)
FIELDS = [
    "tariff", "off_peak", "peak_days", "other_kwh_day", "co2", "co2_g_kwh", "co2_source",
    "currency", "cents_kwh", "calendar_0", "cents_0", "calendar_3", "cents_3",
    "plug_kind", "plug_address", "plug_user", "ups_name", "ups_address", "ups_nominal",
]  # fmt: skip
WORDS = st.one_of(
    st.text(max_size=400),
    st.sampled_from(
        ["", "custom", "own", "shelly", "EUR", "1,5", "-3", "1e9", "nan", "9" * 40, "\x00"]
    ),
)


def reading(**fields: str) -> PowerSettings:
    return read(lambda name: fields.get(name, ""), [QUEBEC])


@given(st.dictionaries(st.sampled_from(FIELDS), WORDS))
def test_garbage_is_settings_or_names_its_field(fields: dict[str, str]) -> None:
    try:
        settings = reading(**fields)
    except FormError as error:
        settings, param = PowerSettings(), error.param
    else:
        param = FIELDS[0]
    assert param in FIELDS
    # What atred decodes: no form makes what its socket would call malformed.
    sent = msgspec.msgpack.encode(settings)
    assert msgspec.msgpack.decode(sent, type=PowerSettings) == settings


def test_an_empty_form_is_no_settings() -> None:
    assert reading() == PowerSettings()


def test_what_a_manager_writes_is_read() -> None:
    settings = reading(
        tariff="custom", currency="CAD", cents_kwh="7,25", calendar_0="mon-fri  06:00-22:00",
        cents_0="12.5", co2="quebec", plug_kind="shelly", plug_address=" plug.lan ",
        ups_name="office", ups_nominal="330", peak_days="2027-01-14 2027-01-15",
    )  # fmt: skip
    assert settings.custom is not None
    assert settings.custom.cents_kwh == 7.25
    assert [(each.calendar, each.cents_kwh) for each in settings.custom.periods] == [
        ("mon-fri 06:00-22:00", 12.5)
    ]
    assert (settings.co2_g_kwh, settings.co2_source) == (1.5, "Grid (2025)")
    assert settings.plug == PlugSettings(kind="shelly", address="plug.lan")
    assert settings.ups == UpsSettings(name="office", nominal_w=330.0)
    assert settings.peak_days == ["2027-01-14", "2027-01-15"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tariff": "custom", "currency": "EUR"}, "cents_kwh"),
        ({"tariff": "custom", "currency": "GBP", "cents_kwh": "1"}, "currency"),
        ({"tariff": "custom", "currency": "EUR", "cents_kwh": "1", "cents_1": "2"}, "calendar_1"),
        ({"tariff": "custom", "currency": "EUR", "cents_kwh": "1", "calendar_1": "sat"}, "cents_1"),
        ({"tariff": "custom", "currency": "EUR", "cents_kwh": "5000"}, "cents_kwh"),
        ({"co2": "own"}, "co2_g_kwh"),
        ({"co2": "own", "co2_g_kwh": "-1"}, "co2_g_kwh"),
        ({"other_kwh_day": "beaucoup"}, "other_kwh_day"),
        ({"plug_kind": "shelly"}, "plug_address"),
        ({"plug_kind": "toaster", "plug_address": "192.0.2.7"}, "plug_kind"),
        ({"ups_name": "office", "ups_nominal": "0"}, "ups_nominal"),
        ({"ups_name": "x" * 101}, "ups_name"),
        ({"peak_days": "2027-01-14-and-more"}, "peak_days"),
    ],
)
def test_what_makes_no_sense_names_its_field(fields: dict[str, str], param: str) -> None:
    with pytest.raises(FormError) as caught:
        reading(**fields)
    assert caught.value.param == param
