# SPDX-License-Identifier: Apache-2.0
"""What was ordered of a unit on the bench, at a start of the box and before anybody is served.

The box is one process here and holds its lock: nothing listens, no owner can come in between, and
memory, disk and processor are the test's. A unit that is to be sealed never serves again before it
was switched off.
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec.structs import replace

from atre.backend_libraries import hiding
from atre.burn_in.run import Step
from atre.burn_in.session import burn_in, ended_by_sigterm, probes_of
from atre.choices.unit_file import CERTIFICATE, FOLDER, REPORT
from atre.config import Config
from atre.errors import AtreError
from atre.hardware.detect import detect
from atre.plan.planning import plan_engine
from atre.provision import bench
from atre.provision.bench import Order, Phase, Progress, ProgressNote
from atre.sealing.rules import Wishes
from atre.sealing.seal import seal
from atre.sentence import Sentence
from atre.stick import outgoing
from atre.stick.names import SWEEP
from atre.system.boot_id import boot_id
from atre.system.notify import notify

_log = logging.getLogger(__name__)

_LOOK_S = 1.0
# For a stick, or the report stays in the unit; and for the machine to go off.
_WAIT_S = 600.0
_PATIENCE_US = 900_000_000


class Bench:
    """``place`` is where root's units look for what there is to do; ``test`` is the burn-in."""

    def __init__(
        self,
        config: Config,
        place: Path = outgoing.PLACE,
        *,
        sleep: Callable[[float], None] = time.sleep,
        test: Callable[[Config, Order], Order] | None = None,
    ) -> None:
        self._config, self._data_dir, self._place = config, config.data_dir, place
        self._sleep = sleep
        self._test = test or tested

    def lets_box_start(self) -> bool:
        """Carry out what is due; whether the box may serve now.

        False is for a shutdown in the middle of a test. On a unit that was sealed this does not
        return: the machine goes off meanwhile.
        """
        try:
            with _patience():
                return self._go_on()
        except (AtreError, OSError) as error:
            said = error.sentence if isinstance(error, AtreError) else _disk(error)
            _log.error("%s", said.text)
            order = bench.read(self._data_dir)
            if order is not None:
                self._note(replace(order, phase=Phase.ENDED, has_passed=False, said=(said,)))
            return True

    def _go_on(self) -> bool:
        order = bench.read(self._data_dir)
        if order is None:
            return True
        if bench.has_owner(self._data_dir):
            bench.forget(self._data_dir)
            return True
        if order.phase is Phase.RUNNING:
            # A unit that goes off under load must not be tested until it happens to hold.
            bench.write(self._data_dir, bench.noted_cut(order))
            return True
        if bench.is_due(self._data_dir):
            order = self._tested(order)
            if order.phase is Phase.STOPPED:
                return False
        if order.phase is Phase.SEALING:
            self._seal(order)
        return True

    def _tested(self, order: Order) -> Order:
        if order.burn_in_minutes is not None:
            order = replace(order, phase=Phase.RUNNING, boot_id=boot_id())
            bench.write(self._data_dir, order)
            order = self._test(self._config, order)
            is_clean = order.has_passed and not order.said
        else:
            is_clean = True
        if order.phase is not Phase.STOPPED:
            phase = Phase.SEALING if order.seal and is_clean else Phase.ENDED
            order = replace(order, phase=phase)
        bench.write(self._data_dir, order)
        if order.phase is Phase.ENDED:
            outgoing.lay_out(self._data_dir, self._place)
        return order

    def _seal(self, order: Order) -> None:
        """Only a unit that may not be sealed, or did not go off, comes back from here."""
        _go_on_waiting()
        has_report = (self._data_dir / FOLDER / REPORT).exists()
        without = order.burn_in_minutes is None and not has_report
        if not self._place.is_dir():
            why_not: tuple[Sentence, ...] = (_ONLY_APPLIANCE,)
        else:
            why_not = seal(
                self._data_dir, None, Wishes(without_burn_in=without), is_alone=True
            ).refusals
        if why_not:
            bench.write(self._data_dir, replace(order, phase=Phase.ENDED, said=why_not))
            outgoing.lay_out(self._data_dir, self._place)
            return
        if outgoing.lay_out(self._data_dir, self._place):
            self._wait_for_stick()
        (self._place / SWEEP).touch()
        self._wait(lambda: False)
        # Whatever keeps the machine on must not keep the box from ever serving again.
        (self._data_dir / FOLDER / CERTIFICATE).unlink(missing_ok=True)
        bench.write(self._data_dir, replace(order, phase=Phase.ENDED, said=(_STILL_ON,)))

    def _wait_for_stick(self) -> None:
        """A stick that is plugged in again has the report laid out anew (``atre.stick.read``)."""
        self._wait(lambda: outgoing.was_taken(self._place))

    def _wait(self, is_over: Callable[[], bool]) -> None:
        waited_s = 0.0
        while not is_over() and waited_s < _WAIT_S:
            _go_on_waiting()
            self._sleep(_LOOK_S)
            waited_s += _LOOK_S

    def _note(self, order: Order) -> None:
        try:
            bench.write(self._data_dir, order)
        except OSError as error:
            _log.error("%s", error)


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    """Have systemd's watchdog wait as long as a model's file is read, until the box serves."""
    usual = os.environ.get("WATCHDOG_USEC", "")
    if not usual.isdecimal():
        yield
        return
    notify(f"WATCHDOG_USEC={_PATIENCE_US}")
    try:
        yield
    finally:
        notify(f"WATCHDOG_USEC={usual}", "WATCHDOG=1")


def _go_on_waiting() -> None:
    """sd_notify(3): a start may take so much longer each time that this is said."""
    notify(f"EXTEND_TIMEOUT_USEC={_PATIENCE_US}", "WATCHDOG=1")


def tested(config: Config, order: Order) -> Order:
    """The burn-in with the model that the box would answer with, and what came of it."""
    note = ProgressNote(config.runtime_dir)

    def tell(step: Step, _done: float, left_s: float) -> None:
        note.tell(Progress(step, left_s))
        _go_on_waiting()

    _go_on_waiting()
    try:
        with ended_by_sigterm():
            machine = detect()
            os.environ.update(hiding(machine.hidden_backends))
            planned = plan_engine(config, machine)
            probes = probes_of(
                config.data_dir, machine.memory, planned.plan, planned.no_model_reason.text
            )
            minutes = order.burn_in_minutes or 0.0
            report = burn_in(
                config.data_dir, probes, minutes=minutes, on_progress=tell, cuts=order.cuts
            )
    except KeyboardInterrupt:
        return replace(order, phase=Phase.STOPPED)
    said = tuple(each.said for each in report.remarks if each.grade != "note")
    return replace(order, has_passed=report.has_passed, said=said)


_STILL_ON = Sentence(
    "The system's own traces could not be cleared, or the machine did not go off. Order the "
    "sealing again.",
    "Les traces du système n’ont pas pu être effacées, ou la machine ne s’est pas éteinte. "
    "Recommandez le scellage.",
)
_ONLY_APPLIANCE = Sentence(
    "Only the appliance seals itself. Here, stop the box and type: atre seal",
    "Seule l’appliance se scelle elle-même. Ici, arrêtez le boîtier et tapez\N{NO-BREAK SPACE}: "
    "atre seal",
)


def _disk(error: OSError) -> Sentence:
    return Sentence(
        f"The test could not go on ({error}). Look at the disk, then order it again.",
        f"L’essai n’a pas pu continuer ({error}). Regardez le disque, puis recommandez-le.",
    )
