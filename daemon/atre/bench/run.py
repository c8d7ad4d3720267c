# SPDX-License-Identifier: Apache-2.0
import datetime as dt
import random
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from atre.bench.answer import read_answer
from atre.bench.bandwidth import memory_bandwidth
from atre.bench.client import Client
from atre.bench.endpoint import Endpoint
from atre.bench.measure import Figures, medians
from atre.bench.prompts import GAUGE_WORDS, Gauge, word_list
from atre.bench.report import Measured, Report
from atre.bench.scenarios import SCENARIOS
from atre.bench.stage import Sizes, Stage
from atre.bench.turns import between
from atre.errors import BenchmarkError, ServerRefusedError

_BAD_REQUEST = 400
_PEOPLE = 8  # of the scenario with one heavy user
_FEW_EVENTS = 0.9  # text events a token; below, a gap is the time of several tokens


@dataclass(frozen=True, slots=True)
class Settings:
    """What to measure. ``concurrency`` is for the plain scenario; the others have their own."""

    endpoint: Endpoint
    keys: Sequence[str]
    model: str | None
    scenarios: Sequence[str]
    concurrency: Sequence[int]
    rounds: int
    sizes: Sizes
    end_tokens: Sequence[int]
    step_bytes: int | None


Progress = Callable[[str, int, int], None]


async def run(settings: Settings, on_progress: Progress) -> Report:
    """Measure a server; ``on_progress`` hears what is measured, how much is done, and of how much.

    Raises BenchmarkError.
    """
    client = Client(settings.endpoint, keys=settings.keys, end_tokens=settings.end_tokens)
    known = await _choose_model(client, settings.model)
    stage = Stage(
        client=client,
        gauge=await _gauge(client),
        sizes=settings.sizes,
        rng=random.Random(secrets.randbits(64)),  # noqa: S311 -- new words each time, no secret
    )
    started_at = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    started_s, used_s = time.perf_counter(), time.process_time()
    turns = await client.turns()
    results = await _measure(settings, stage, on_progress)
    share = (time.process_time() - used_s) / (time.perf_counter() - started_s)
    step_bytes = settings.step_bytes or _model_bytes(known)
    local = settings.endpoint.is_this_machine
    return Report(
        url=settings.endpoint.url,
        model=client.model,
        started_at=started_at,
        prompt_tokens_per_word=stage.gauge.tokens_per_word,
        step_bytes=step_bytes,
        bandwidth_bytes_per_s=memory_bandwidth() if local and step_bytes else None,
        client_cpu_share=share,
        results=results,
        notes=_notes(settings, results),
        turns=between(turns, await client.turns()),
    )


def plan(scenarios: Sequence[str], concurrency: Sequence[int]) -> list[tuple[str, int]]:
    """The measurements in order: the plain scenario for each number of clients, others once."""
    measurements = []
    for name in scenarios:
        clients = SCENARIOS[name].clients
        measurements += [(name, each) for each in (concurrency if clients is None else (clients,))]
    return measurements


async def _measure(settings: Settings, stage: Stage, on_progress: Progress) -> list[Measured]:
    todo = plan(settings.scenarios, settings.concurrency)
    rounds: dict[tuple[str, int], list[Figures]] = {each: [] for each in todo}
    done, total = 0, len(todo) * settings.rounds
    for _ in range(settings.rounds):
        for name, clients in todo:
            on_progress(f"{name}, {clients} clients", done, total)
            rounds[name, clients].append(await SCENARIOS[name].run(stage, clients))
            done += 1
    on_progress("done", total, total)
    return [
        Measured(scenario=name, concurrency=clients, median=medians(each), rounds=each)
        for (name, clients), each in rounds.items()
    ]


async def _choose_model(client: Client, wanted: str | None) -> dict[str, Any]:
    """Set the model that is asked; return what the server says of it."""
    models = await client.list_models()
    if wanted is None:
        if not models:
            raise BenchmarkError("The server offers no model. Load one, or name one with --model.")
        wanted = str(models[0].get("id", ""))
    client.model = wanted
    return next((model for model in models if model.get("id") == wanted), {})


async def _gauge(client: Client) -> Gauge:
    """Learn how the server counts words, and whether it knows ``ignore_eos``."""
    rng = random.Random(secrets.randbits(64))  # noqa: S311 -- new words each time, no secret
    few, many = (word_list(count, rng) for count in GAUGE_WORDS)
    try:
        first = read_answer(await client.ask(few, 1))
    except ServerRefusedError as error:
        if error.status != _BAD_REQUEST:
            raise
        client.ignore_eos = False
        first = read_answer(await client.ask(few, 1))
    return Gauge.of(first.num_prompt, read_answer(await client.ask(many, 1)).num_prompt)


def _model_bytes(known: dict[str, Any]) -> int | None:
    """The size of the weights where the server tells: ours, or llama-server's ``meta``."""
    meta = known.get("meta")
    size = known.get("size_bytes") or (meta.get("size") if isinstance(meta, dict) else None)
    return size if isinstance(size, int) else None


def _notes(settings: Settings, results: Sequence[Measured]) -> list[str]:
    notes = []
    if any(each.ended_early for result in results for each in result.rounds):
        notes.append(
            "Some answers ended before the length asked for, which makes speeds hard to compare. "
            "Forbid the model's end tokens with --end-token."
        )
    if any(result.median.events_per_token < _FEW_EVENTS for result in results):
        notes.append(
            "The server sends several tokens in one event, so a gap is not always that of one "
            "token."
        )
    if any(
        result.scenario == "long-prompt-arrives" and "largest_gap_s" not in result.median.extra
        for result in results
    ):
        notes.append(
            "long-prompt-arrives: the answers were over before the long prompt came, so no gap "
            "could be seen. Ask for longer ones with --answer-tokens."
        )
    if "one-heavy-seven-light" in settings.scenarios and len(settings.keys) < _PEOPLE:
        notes.append(
            f"one-heavy-seven-light had {len(settings.keys)} keys for {_PEOPLE} people: a server "
            "that is fair between keys cannot tell these people apart."
        )
    return notes
