# SPDX-License-Identifier: Apache-2.0
"""What ``atred`` does about power: each message of ``atre.ipc.power_messages``, one reply."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Sequence

from atre.choices import eco_choice, sleep_choice
from atre.choices.sleep_rules import ECO_UNLOAD_S
from atre.config import Config
from atre.errors import ConfigError, EngineUnavailableError, InvalidRequestError, StorageError
from atre.ipc.client import EngineClient
from atre.ipc.eco_messages import EcoReport, SetEco
from atre.ipc.energy_messages import DescribeEnergy, EnergyRequest
from atre.ipc.message import Message
from atre.ipc.nudge import SLEEP, nudge
from atre.ipc.power_basis import Basis
from atre.ipc.power_messages import (
    MAX_BUCKETS,
    Calibration,
    DescribePower,
    ForgetCalibration,
    PowerBucket,
    PowerDescription,
    PowerHistory,
    PowerRequest,
    PowerSettings,
    ReadPowerHistory,
    Resolution,
    SetPower,
    UpsReport,
)
from atre.power import calibration, history, totals
from atre.power.activity import EngineActivity
from atre.power.baseline import Baseline
from atre.power.caps.client import Caps
from atre.power.eco_keeper import EcoKeeper, cap_threads
from atre.power.ledger import EnergyLedger
from atre.power.machine_power import coverage
from atre.power.meter import PowerMeter
from atre.power.sampler import Sampler
from atre.power.settings import SettingsFile
from atre.power.sources import plug_of, told_sources, ups_of
from atre.power.tariff import co2_examples, tariff_of, tariff_offers
from atre.power.trace import PowerTrace, Span
from atre.power.ups.guard import UpsGuard
from atre.power.ups.state import UpsState
from atre.power.ups.watch import Heard
from atre.power.work_watch import WorkWatch
from atre.sentence import Sentence, counted
from atre.system.local_time import local_now

# The figure of one second jumps; a few seconds are what a person calls now.
_NOW_S = 3.0
# A plug is asked every few seconds, and its last word is still true.
_STALE_S = 15.0

BuildSamplers = Callable[[PowerSettings, str], Sequence[Sampler]]


class PowerVerbs:
    """The meter of the box and what is asked of it; safe to call from several threads.

    ``build`` makes the samplers for settings and the plug's password; ``caps`` are what eco mode
    may lower.
    """

    def __init__(
        self,
        config: Config,
        build: BuildSamplers,
        guard: UpsGuard,
        caps: Sequence[Caps] = (),
        *,
        now: Callable[[], dt.datetime] = local_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._build, self._guard, self._now, self._clock = build, guard, now, clock
        self._file = SettingsFile(config.data_dir)
        self._settings = self._file.read()
        self._pricing = _pricing(self._settings)
        self._history = history.PowerHistory(config.data_dir / "power.db")
        self._calibration = calibration.Calibration(config.state_dir / "power-calibration.json")
        self._activity = EngineActivity(EngineClient(config.engine_socket).activity)
        self.trace = PowerTrace()
        self.meter = PowerMeter(
            build(self._settings, self._file.password()),
            trace=self.trace,
            history=self._history,
            baseline=Baseline(config.state_dir / "power-baseline.json"),
            calibration=self._calibration,
            is_busy=self._is_busy,
            clock=clock,
        )
        self.ledger = EnergyLedger(self.trace, self.meter, clock=clock)
        self._watch = WorkWatch(config.engine_socket, self.ledger)
        self._summed: tuple[object, PowerBucket, PowerBucket] | None = None
        self._verbs: dict[type, Callable[..., Message]] = {
            DescribePower: lambda _: self.describe(),
            ReadPowerHistory: self._read_history,
            SetPower: self._set,
            ForgetCalibration: self._forget_calibration,
            SetEco: self._set_eco,
        }
        self._config = config
        self._eco = eco_choice.read(config.state_dir)
        self._keeper = EcoKeeper(
            cap_threads(config.engine_socket),
            self.ledger.work,
            is_on=lambda: eco_choice.is_on(self._eco, self._now()),
            has_meter=lambda: self._latest() is not None,
            caps=caps,
        )

    def start(self) -> None:
        self._activity.start()
        self.meter.start()
        self._watch.start()
        self._keeper.start()

    def close(self) -> None:
        self._keeper.close()
        self._watch.close()
        self._activity.close()
        self.meter.close()
        self._history.close()

    def answer(self, request: PowerRequest) -> Message:
        """The reply. Raises InvalidRequestError and StorageError."""
        return self._verbs[type(request)](request)

    def answer_energy(self, request: EnergyRequest, send: Callable[[Message], None]) -> None:
        """Send the reply, at once or when the engine's last word on an answer comes."""
        if isinstance(request, DescribeEnergy):
            self.ledger.ask(request.request_ids, send)
        else:
            send(self.ledger.shares())

    def describe(self) -> PowerDescription:
        readings = self.meter.readings
        today, month = self._sums()
        latest = self._latest()
        fit = self._calibration.fit
        is_used = fit is not None and latest is not None and self.meter.is_calibrated
        tariff = self._pricing.tariff
        return PowerDescription(
            power_w=latest.power_w if latest else None,
            basis=latest.basis if latest else Basis.UNKNOWN,
            error_fraction=fit.error_fraction if fit and is_used else None,
            idle_w=self.meter.idle_w,
            coverage=_CALIBRATED if is_used else coverage(readings),
            sources=told_sources(readings),
            today=today,
            month=month,
            energy_total_j=self._history.total_j(),
            settings=self._settings,
            has_plug_password=bool(self._file.password()),
            currency=tariff.currency if tariff else None,
            calibration=_report(fit, is_used=is_used) if fit else None,
            calibration_progress=self._progress(),
            tariffs=tariff_offers(),
            co2_examples=list(co2_examples()),
            issues=self._history.issues,
            ups=_ups_report(self._guard.heard),
            eco=self._eco_report(),
        )

    def _is_busy(self) -> bool | None:
        """By the engine's own steps; a model that sleeps tells of none, but of who asks for it."""
        is_busy = self.ledger.is_busy()
        return self._activity.is_busy() if is_busy is None else is_busy

    def _sums(self) -> tuple[PowerBucket, PowerBucket]:
        """Today and this month, summed when the history has a new minute and not each time."""
        now = self._now()
        key = self._history.version, now.date(), now.utcoffset(), self._pricing
        if self._summed is None or self._summed[0] != key:
            today, month = (
                totals.whole(self._history, resolution, now, self._pricing)
                for resolution in (Resolution.DAY, Resolution.MONTH)
            )
            self._summed = key, today, month
        return self._summed[1:]

    def _latest(self) -> Span | None:
        """The last seconds as one span, None if they have no figure."""
        last, now_s = self.trace.latest(), self._clock()
        if last is None or now_s - last.end_s > _STALE_S:
            return None
        spans = self.trace.between(last.end_s - _NOW_S, last.end_s)
        start_s, end_s = spans[0].start_s, spans[-1].end_s
        covered_s = sum(span.end_s - span.start_s for span in spans)
        mean_w = sum(span.energy_j for span in spans) / covered_s
        return Span(start_s, end_s, mean_w * (end_s - start_s), last.basis)

    def _read_history(self, request: ReadPowerHistory) -> PowerHistory:
        zone = self._now().tzinfo or dt.UTC
        found = totals.buckets(
            self._history, request.resolution, request.from_s, request.to_s, zone, self._pricing
        )
        tariff = self._pricing.tariff
        return PowerHistory(
            resolution=request.resolution,
            buckets=found[-MAX_BUCKETS:],
            currency=tariff.currency if tariff else None,
            is_cut=len(found) > MAX_BUCKETS,
        )

    def _set(self, request: SetPower) -> PowerDescription:
        settings = request.settings
        pricing = _checked_pricing(settings)
        try:
            if request.plug_password is not None:
                self._file.write_password(request.plug_password)
            self._file.write(settings)
        except OSError as error:
            raise StorageError(
                f"The settings cannot be written: {error}. Free some disk space.",
                f"Ces réglages ne peuvent pas être écrits\N{NO-BREAK SPACE}: {error}. Libérez de "
                "la place sur le disque.",
            ) from error
        is_other = (settings.plug, settings.ups) != (self._settings.plug, self._settings.ups)
        self._settings, self._pricing = settings, pricing
        if is_other or request.plug_password is not None:
            self.meter.use(self._build(settings, self._file.password()))
            if settings.ups is None:
                self._guard.forget()
        return self.describe()

    def _set_eco(self, request: SetEco) -> PowerDescription:
        try:
            eco_choice.write(self._config.state_dir, request.settings)
        except ConfigError as error:
            raise InvalidRequestError(str(error), error.french, param="calendar") from error
        except OSError as error:
            raise StorageError(
                f"The choice cannot be written: {error}. Free some disk space.",
                f"Ce choix ne peut pas être écrit\N{NO-BREAK SPACE}: {error}. Libérez de la "
                "place sur le disque.",
            ) from error
        self._eco = request.settings
        self._keeper.hurry()
        # A box that is not there reads the choice when it starts.
        with contextlib.suppress(EngineUnavailableError):
            nudge(self._config.runtime_dir / SLEEP)
        return self.describe()

    def _eco_report(self) -> EcoReport:
        threads, max_threads, basis, figures = self._keeper.state
        return EcoReport(
            settings=self._eco,
            is_on=eco_choice.is_on(self._eco, self._now()),
            unload_after_s=ECO_UNLOAD_S,
            sleep_after_s=sleep_choice.in_force(self._config).times.unload_after_s,
            threads=threads,
            max_threads=max_threads,
            basis=basis,
            figures=figures,
            caps=self._keeper.cap_state,
        )

    def _forget_calibration(self, _: ForgetCalibration) -> PowerDescription:
        try:
            self._calibration.forget()
        except OSError as error:
            raise StorageError(
                f"The calibration cannot be removed: {error}. Free some disk space.",
                f"L’étalonnage ne peut pas être retiré\N{NO-BREAK SPACE}: {error}. Libérez de la "
                "place sur le disque.",
            ) from error
        return self.describe()

    def _progress(self) -> Sentence | None:
        """What is missing for a calibration, None where there is one or no plug."""
        if self._calibration.fit is not None or self._settings.plug is None:
            return None
        minutes = self._calibration.num_minutes
        return Sentence(
            f"Calibration: {counted(minutes, 'minute', 'minutes')} seen of at least "
            f"{calibration.MIN_MINUTES}, at rest and at work. Ask the box a few questions.",
            f"Étalonnage\N{NO-BREAK SPACE}: "
            f"{counted(minutes, 'minute vue', 'minutes vues', french=True)} sur "
            f"{calibration.MIN_MINUTES} au moins, au repos et au travail. Posez quelques questions "
            "au boîtier.",
        )


_CALIBRATED = Sentence(
    "the whole machine at the wall, calculated from its sensors as a plug taught it",
    "toute la machine à la prise murale, calculée d’après ses capteurs comme une prise l’a appris",
)


def _pricing(settings: PowerSettings) -> totals.Pricing:
    """The prices of stored settings, none where a later version no longer has their tariff."""
    try:
        return totals.Pricing(tariff=tariff_of(settings), co2_g_kwh=settings.co2_g_kwh)
    except InvalidRequestError:
        return totals.Pricing(co2_g_kwh=settings.co2_g_kwh)


def _checked_pricing(settings: PowerSettings) -> totals.Pricing:
    if settings.co2_g_kwh is not None and not settings.co2_source.strip():
        raise InvalidRequestError(
            "Say where the CO₂ figure comes from: a figure without its source is not shown.",
            param="co2_source",
        )
    if settings.plug is not None:
        plug_of(settings.plug, "")
    if settings.ups is not None:
        ups_of(settings.ups)
    return totals.Pricing(tariff=tariff_of(settings), co2_g_kwh=settings.co2_g_kwh)


def _ups_report(heard: Heard) -> UpsReport | None:
    state = heard.state
    if state is None and heard.problem is None:
        return None
    state = state or UpsState(name="")
    return UpsReport(
        name=state.name,
        model=state.model,
        supply=heard.supply,
        charge=state.charge,
        runtime_s=state.runtime_s,
        load=state.load,
        needs_battery=state.needs_battery,
        problem=heard.problem,
    )


def _report(fit: calibration.Fit, *, is_used: bool) -> Calibration:
    return Calibration(
        offset_w=fit.offset_w,
        slope=fit.slope,
        rmse_w=fit.rmse_w,
        error_fraction=fit.error_fraction,
        num_minutes=fit.num_minutes,
        low_w=fit.low_w,
        high_w=fit.high_w,
        made_at=fit.made_at,
        is_used=is_used,
    )
