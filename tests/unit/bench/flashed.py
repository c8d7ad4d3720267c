# SPDX-License-Identifier: Apache-2.0
"""A flashed unit on the bench, without its hours: what tests of it share."""

import itertools
from pathlib import Path

from msgspec.structs import replace
from tests.unit.test_seal import make_report

from atre.burn_in.report import write_signed
from atre.burn_in.unit import unit_key
from atre.choices.unit_file import UnitFile, in_toml
from atre.config import Config
from atre.provision import bench
from atre.provision.apply import apply_files
from atre.provision.bench import Order, Phase
from atre.sealing.carry_out import Bench
from atre.sentence import Sentence
from atre.stick.names import SWEEP, TAKEN
from atre_web.accounts import passwords

_ENOUGH_SLEEPS = 1000
CODE = "7F3AK2M9PQ4T"
ORDERED = "[bench]\nburn_in_minutes = 30\nseal = true\n"
DOUBT = Sentence("The disk is slow.", "Le disque est lent.")


class Off(BaseException):
    """The machine lost power, or was switched off by root's unit."""


def provision(config: Config, text: str = ORDERED, serial: str = "AT-0001") -> bytes:
    """What the kit writes for a unit, taken over by it."""
    unit = UnitFile(serial=serial, name="atre-7f3a", claim=passwords.hashed(CODE))
    whole = f"format = 1\n{text}\n[unit]\n{in_toml(unit)}".encode()
    apply_files(config.data_dir, whole, None)
    return whole


class FakeTest:
    """A burn-in that ends as the test says."""

    def __init__(self, *said: Sentence, has_passed: bool = True, stops: bool = False) -> None:
        self.said, self.has_passed, self.stops = said, has_passed, stops
        self.orders: list[Order] = []

    def __call__(self, config: Config, order: Order) -> Order:
        self.orders.append(order)
        assert bench.read(config.data_dir) == order, "a start after a cut would find it running"
        if self.stops:
            return replace(order, phase=Phase.STOPPED)
        report = replace(make_report(config.data_dir, ""), has_passed=self.has_passed)
        write_signed(report, unit_key(config.data_dir), config.data_dir / "factory/burn-in.json")
        return replace(order, has_passed=self.has_passed, said=self.said)


def start(
    config: Config, place: Path, test: FakeTest, *, has_stick: bool = True, goes_off: bool = True
) -> bool | None:
    """A start of the box; None for one that ended with the machine off."""
    sleeps = itertools.count()

    def sleep(_seconds: float) -> None:
        assert next(sleeps) < _ENOUGH_SLEEPS, "it waits for ever"
        for path in place.glob("*.to-stick") if has_stick else ():  # the writer
            path.unlink()
            (place / TAKEN).touch()
        if (place / SWEEP).exists() and goes_off:
            raise Off

    try:
        return Bench(config, place, sleep=sleep, test=test).lets_box_start()
    except Off:
        return None


def phase(config: Config) -> Phase | None:
    order = bench.read(config.data_dir)
    return order.phase if order else None
