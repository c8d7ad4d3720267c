# SPDX-License-Identifier: Apache-2.0
"""Who won: a pure decision from measurements."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from atre.hardware.machine import IssueCode
from atre.hardware.usage import UseCode
from atre.plan.race.candidates import PROCESSOR, Candidate, Field

# A turn of an office conversation: a page read, a paragraph written.
TURN_PROMPT_TOKENS, TURN_ANSWER_TOKENS = 256, 128
# A device that reads fast but writes slower than the processor is felt as slow.
_LEAST_DECODE_RATIO = 0.95


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a second while reading and while writing; ``joules_per_token`` None if not metered.

    ``is_disturbed`` says that others wanted the processor meanwhile.
    """

    prefill_tokens_s: float
    decode_tokens_s: float
    joules_per_token: float | None = None
    is_disturbed: bool = False

    @property
    def turn_tokens_s(self) -> float:
        """Tokens a second over a whole turn, reading and writing."""
        seconds = (
            TURN_PROMPT_TOKENS / self.prefill_tokens_s + TURN_ANSWER_TOKENS / self.decode_tokens_s
        )
        return (TURN_PROMPT_TOKENS + TURN_ANSWER_TOKENS) / seconds


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one candidate: a speed, or why there is none."""

    name: str
    speed: Speed | None = None
    problem: IssueCode | None = None
    detail: str = ""


class Basis(StrEnum):
    """By what the winner was chosen."""

    TOKENS_PER_SECOND = "tokens_per_second"
    TOKENS_PER_JOULE = "tokens_per_joule"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The winner and why; ``winner`` is None if no candidate could run the model.

    ``eco`` says that tokens per joule were asked for, ``basis`` what was compared. ``date`` is ISO
    8601, UTC. ``token_bytes`` were read for each token that was written; races before that was
    noted have None.
    """

    winner: str | None
    reason: str
    reason_fr: str
    basis: Basis
    eco: bool
    date: str
    field: Field
    results: tuple[Result, ...]
    token_bytes: int | None = None
    is_mixture: bool = False

    @property
    def failures(self) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.speed is None)

    @property
    def is_provisional(self) -> bool:
        """Whether a measurement was disturbed, so that it is worth another at the next start."""
        return any(
            result.speed is not None and result.speed.is_disturbed for result in self.results
        )


def judge(field: Field, results: Sequence[Result], *, eco: bool, date: str) -> Verdict:
    """The fastest device, and the processor unless a device was measured to be better.

    A device that writes slower than 95 % of the processor's speed cannot win, so that nobody is
    ever slower for having a GPU; in eco mode joules decide instead, if they were metered for all.
    A device in software wins only if nothing else can run the model: it is the processor with more
    work to do, and where it measured faster, something disturbed the measurement.
    """
    ran = {result.name: result.speed for result in results if result.speed is not None}
    software = _software(field)
    measured = {name: speed for name, speed in ran.items() if name not in software} or ran
    metered = eco and bool(measured) and _is_metered(field.candidates, measured)
    basis = Basis.TOKENS_PER_JOULE if metered else Basis.TOKENS_PER_SECOND
    scores = {name: _score(speed, basis) for name, speed in measured.items()}
    processor = measured.get(PROCESSOR)
    able = [
        name
        for name, speed in measured.items()
        if metered
        or processor is None
        or speed.decode_tokens_s >= processor.decode_tokens_s * _LEAST_DECODE_RATIO
    ]
    # On a tie the earlier wins, and the processor is the first.
    winner = max(able, key=lambda name: scores[name], default=None)
    reason, reason_fr = _reason(winner, scores, basis)
    if eco and not metered:
        reason += " Tokens per joule were asked for, but no meter covers every device."
        reason_fr += (
            " Les jetons par joule étaient demandés, mais aucun compteur ne couvre tous les "
            "appareils."
        )
    if any(speed.is_disturbed for speed in ran.values()):
        reason += (
            " This is provisional: others kept the processor busy meanwhile. The next start"
            " measures again, and so does `atre detect --race`."
        )
        reason_fr += (
            " C’est provisoire\N{NO-BREAK SPACE}: d’autres programmes occupaient le processeur."
            " Le prochain démarrage mesure à nouveau, `atre detect --race` aussi."
        )
    return Verdict(
        winner=winner,
        reason=reason,
        reason_fr=reason_fr,
        basis=basis,
        eco=eco,
        date=date,
        field=field,
        results=tuple(results),
    )


def use_codes(verdict: Verdict) -> dict[str, UseCode]:
    """Why each candidate that did not win is not used."""
    beaten = (
        UseCode.PROCESSOR_FASTER if verdict.winner == PROCESSOR else UseCode.OTHER_DEVICE_FASTER
    )
    codes = {
        None: beaten,
        IssueCode.CRASHED: UseCode.RACE_CRASHED,
        IssueCode.TIMED_OUT: UseCode.RACE_TIMED_OUT,
    }
    found = {
        result.name: codes.get(result.problem, UseCode.RACE_FAILED)
        for result in verdict.results
        if result.name != verdict.winner
    }
    software = _software(verdict.field)
    return found | {
        name: UseCode.SOFTWARE
        for name, code in found.items()
        if name in software and code is beaten
    }


def _software(field: Field) -> set[str]:
    return {candidate.name for candidate in field.candidates if candidate.kind == "software"}


def _is_metered(candidates: Sequence[Candidate], measured: dict[str, Speed]) -> bool:
    """The processor's meter does not see what a card draws: its joules would look like none."""
    kinds = {candidate.name: candidate.kind for candidate in candidates}
    return all(
        speed.joules_per_token is not None and kinds.get(name) != "card"
        for name, speed in measured.items()
    )


def _score(speed: Speed, basis: Basis) -> float:
    if basis is Basis.TOKENS_PER_JOULE and speed.joules_per_token:
        return 1 / speed.joules_per_token
    return speed.turn_tokens_s


def _reason(winner: str | None, scores: dict[str, float], basis: Basis) -> tuple[str, str]:
    if winner is None:
        return "No device could run the model.", "Aucun appareil n’a pu faire tourner le modèle."
    unit, unit_fr = {
        Basis.TOKENS_PER_SECOND: ("tokens/s", "jetons/s"),
        Basis.TOKENS_PER_JOULE: ("tokens/J", "jetons/J"),
    }[basis]
    others = [name for name in scores if name != winner]

    figures = [(name, f"{scores[name]:.1f}") for name in [winner, *others]]
    english = ", ".join(f"{name} {figure} {unit}" for name, figure in figures)
    french = " / ".join(f"{name} {figure.replace('.', ',')} {unit_fr}" for name, figure in figures)
    return (
        f"{winner} was measured to be best with this model: {english}.",
        f"{winner} a été mesuré le meilleur avec ce modèle\N{NO-BREAK SPACE}: {french}.",
    )
