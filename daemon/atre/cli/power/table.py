# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from atre.cli.power import words
from atre.ipc.eco_messages import EcoReport
from atre.ipc.power_messages import PowerDescription


def overview(described: PowerDescription, *, french: bool) -> Iterator[Table | Text]:
    """What ``atre power`` prints, from the present to the sources."""
    yield Text(_now(described, french=french))
    yield _totals(described, french=french)
    if described.ups:
        yield Text(words.ups(described.ups, french=french))
    if described.eco:
        yield from eco_lines(described.eco, french=french)
    if described.sources:
        yield _sources(described, french=french)
    if described.calibration_progress:
        yield Text(described.calibration_progress.spoken(french=french))
    for issue in described.issues:
        yield Text(issue.spoken(french=french))


def eco_lines(told: EcoReport, *, french: bool) -> Iterator[Text]:
    """Eco mode, and while it is on each power cap."""
    yield Text(words.eco(told, french=french))
    if told.is_on:
        for state in told.caps.caps:
            yield Text(words.cap(state, french=french))


def _now(described: PowerDescription, *, french: bool) -> str:
    def say(english: str, other: str) -> str:
        return other if french else english

    coverage = described.coverage.spoken(french=french)
    if described.power_w is None:
        return f"{words.UNKNOWN}\n{coverage}"
    basis = words.basis(described.basis, french=french)
    if described.error_fraction is not None:
        percent = f"{100 * described.error_fraction:.0f}"
        basis = say(f"{basis}, ±{percent}%", f"{basis}, ±{percent}\N{NO-BREAK SPACE}%")
    watts = words.watts(described.power_w, french=french)
    idle = words.watts(described.idle_w, french=french)
    return say(
        f"{watts} ({basis}), {idle} at rest\nCovers {coverage}",
        f"{watts} ({basis}), {idle} au repos\nComprend {coverage}",
    )


def _totals(described: PowerDescription, *, french: bool) -> Table:
    table = Table(
        "",
        "énergie" if french else "energy",
        "coût" if french else "cost",
        "CO₂",
        "connu" if french else "known",
    )
    rows = (
        ("aujourd’hui" if french else "today", described.today),
        ("ce mois" if french else "this month", described.month),
    )
    for name, bucket in rows:
        table.add_row(
            name,
            words.energy(bucket, french=french),
            words.cost(bucket, described, french=french),
            words.co2(bucket, french=french),
            words.known_part(bucket, french=french),
        )
    return table


def _sources(described: PowerDescription, *, french: bool) -> Table:
    table = Table("source", "base" if french else "basis", "W", "remarque" if french else "remark")
    for each in described.sources:
        table.add_row(
            Text(each.source),
            words.basis(each.basis, french=french),
            words.watts(each.power_w, french=french),
            Text(each.reason.spoken(french=french) if each.reason else ""),
        )
    return table
