# SPDX-License-Identifier: Apache-2.0
"""When the model may leave memory, as the settings show it."""

from dataclasses import dataclass, field

from atre.ipc.presence import SleepInForce, SleepTimes
from atre_web.office import week
from atre_web.office.verbs import verbs
from atre_web.office.week import Day
from atre_web.panel import snapshot
from atre_web.panel.wording import gettext


@dataclass(frozen=True, slots=True, kw_only=True)
class SleepForm:
    """What is in the form. ``wrong`` names the field, or the day, that cannot be taken."""

    minutes: str = ""
    week: list[Day] = field(default_factory=lambda: week.read(""))
    wrong: str = ""


def follow_zone(time_zone: str) -> None:
    """Let a calendar that was chosen go by the office's new time zone, if the box can be told."""
    box = snapshot.box()
    if box is None or box.sleep is None or not box.sleep.is_chosen:
        return
    times = box.sleep.times
    if times.time_zone != time_zone:
        verbs().set_sleep(
            SleepTimes(
                unload_after_s=times.unload_after_s, calendar=times.calendar, time_zone=time_zone
            )
        )


def filled(sleep: SleepInForce) -> SleepForm:
    """The form as it stands: with the choice, empty while the start's options count."""
    if not sleep.is_chosen:
        return SleepForm()
    idle_s = sleep.times.unload_after_s
    return SleepForm(
        minutes="" if idle_s is None else f"{idle_s / 60:.0f}",
        week=week.read(sleep.times.calendar),
    )


def day_names() -> list[str]:
    """The days as ``week.DAYS`` has them."""
    return [
        gettext("Lundi"),
        gettext("Mardi"),
        gettext("Mercredi"),
        gettext("Jeudi"),
        gettext("Vendredi"),
        gettext("Samedi"),
        gettext("Dimanche"),
    ]


def in_force(sleep: SleepInForce) -> str:
    """Which times count, in words."""
    options = " ".join(_options(sleep.start))
    if sleep.is_chosen and options:
        return gettext(
            "C’est ce formulaire qui compte, à la place des options du démarrage (%(options)s).",
            options=options,
        )
    if sleep.is_chosen:
        return gettext("C’est ce formulaire qui compte.")
    if options:
        return gettext(
            "Ce sont les options du démarrage qui comptent (%(options)s), jusqu’à ce que vous "
            "enregistriez ce formulaire.",
            options=options,
        )
    return gettext("Rien n’est réglé : le modèle reste toujours en mémoire.")


def _options(start: SleepTimes) -> list[str]:
    """As they were typed at the start."""
    idle_s = start.unload_after_s
    idle = [] if idle_s is None else [f"--unload-after {idle_s / 60:g}"]
    return idle + [f"--sleep '{start.calendar}'"] * bool(start.calendar)
