# SPDX-License-Identifier: Apache-2.0
"""The lines of ``atre power`` on the UPS and on eco mode."""

from msgspec.structs import replace
from tests.unit.test_power_page import ECO, UPS

from atre.cli.power import words
from atre.cli.power.table import eco_lines
from atre.ipc.power_messages import Supply
from atre.sentence import Sentence


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_ups_is_one_line() -> None:
    assert words.ups(UPS, french=False) == "UPS bureau, on mains, charged 97%, 21 min, load 20%."
    worn = replace(
        UPS, supply=Supply.BATTERY, charge=None, runtime_s=None, needs_battery=True,
        problem=Sentence("It is silent.", "Il est muet."),
    )  # fmt: skip
    assert plain(words.ups(worn, french=True)) == (
        "Onduleur bureau, sur batterie, ne commence plus de réponse, charge —, — min, "
        "utilisé à 20 %, batterie à remplacer. Il est muet."
    )


def test_eco_mode_is_one_line() -> None:
    assert words.eco(ECO, french=False) == "Eco mode: on, 4 of 8 threads."
    asleep = replace(ECO, threads=None, max_threads=None)
    assert plain(words.eco(asleep, french=True)) == (
        "Mode éco : en marche, — des — fils d’exécution."
    )
    assert plain(words.eco(replace(ECO, is_on=False), french=True)) == "Mode éco : ne joue pas."


def test_each_cap_is_one_line_with_its_state_or_its_reason() -> None:
    package, preference, card = ECO.caps.caps
    assert plain(words.cap(package, french=False)) == (
        "Processor power (rapl:package-0): capped at 9.0 W, 15.0 W without eco mode."
    )
    assert plain(words.cap(replace(package, before=None), french=True)) == (
        "Puissance du processeur (rapl:package-0) : pas plafonnée, 9,0 W."
    )
    assert words.cap(preference, french=False).endswith("set to save power.")
    assert plain(words.cap(card, french=True)).endswith("pas plafonnée : Installez-le.")
    assert [line.plain for line in eco_lines(replace(ECO, is_on=False), french=False)] == [
        "Eco mode: not in force."
    ]
