# SPDX-License-Identifier: Apache-2.0
"""Words the outcome of ``make bench`` as its part of docs/performance.md."""

from collections.abc import Mapping, Sequence

from tests.benchmarks.bars import Outcome
from tests.benchmarks.circumstances import as_list

from atre.bench.measure import Figures, medians
from atre.bench.report import Report

_HEAD = """## Against llama-server

Written by `make bench`, which anybody can run: it builds llama-server from the sources inside the \
installed llama-cpp-python, makes a model with random weights, and has `atre bench` measure both \
servers in turn through their HTTP front doors. Figures below a bar are printed like the others.
"""

_HOW = """### How it is measured

- The servers run one at a time, in the order ours, llama-server, ours, llama-server, …; each is \
started afresh for each round. A figure is the median over the rounds, a ratio that of medians.
- The client is one process on the same machine, with one connection for each request. It records \
bytes with their moments while it measures and reads them afterwards.
- Both get the same threads, context, kind of KV cache and flash attention setting; the rest is \
each program's default. llama-server divides its context among its slots, so it has 8 where \
prompts are long; 16 clients meet it with 8 slots and with 16.
- The model ({shape}) has random weights and the vocabulary of Llama 2. Its output matrix is \
arranged: after any word comes that word's successor in one cycle through all words, so that no \
answer ends early, and every token is a word. Prompts are random words, which that cycle does not \
follow: guessing the next tokens from the prompt gains nothing there.
- The rewriting scenario is repetitive by construction: its text is the beginning of that cycle, \
which the model therefore repeats word for word. llama-server guesses too if started with \
`--spec-type ngram-simple`, which is not its default.
- Sampling is that of the servers at temperature 0.7 and top_p 0.95, greedy for rewriting. Answers \
have 128 tokens (256 while a long prompt arrives, 32 with a shared prefix or of light users, 256 \
of the heavy user); tokens/s count from the first request to the last token, so reading the \
prompts is in them.
- The turn is what the engine itself counts (`GET /v1/engine`) and `atre bench` reports: steps in \
which nobody's prompt was read, less the time inside `llama_decode` and `llama_sampler_sample`. It \
holds the sending to the web process, which wants the same processors, and the end of answers.
"""


def page(
    facts: dict[str, str],
    outcomes: Sequence[Outcome],
    reports: Mapping[str, Sequence[Report]],
    shape: str,
) -> str:
    """The part of the page, in Markdown; ``facts`` say under what circumstances was measured."""
    missed = [outcome for outcome in outcomes if not outcome.is_met]
    verdict = f"{len(outcomes) - len(missed)} of {len(outcomes)} bars are met."
    return "\n".join(
        [
            _HEAD,
            "### Bars\n",
            "Ratios are ours ÷ llama-server's unless a unit is given.\n",
            bars_table(outcomes),
            f"\n{verdict}\n",
            "### Machine and versions\n",
            f"{as_list(facts)}\n",
            _HOW.format(shape=shape),
            "### All figures\n",
            "Medians over the rounds; times in milliseconds.\n",
            _figures_table(reports),
        ]
    )


def bars_table(outcomes: Sequence[Outcome]) -> str:
    """A line for each bar."""
    lines = ["| what | bar | measured | | made of |", "|---|---|---|---|---|"]
    for outcome in outcomes:
        bar = outcome.bar
        lines.append(
            f"| {bar.title} | {bar.sense} {bar.limit:g} {bar.unit} | "
            f"**{outcome.value:.2f}** {bar.unit} | {'met' if outcome.is_met else '**missed**'} | "
            f"{outcome.made_of} |"
        )
    return "\n".join(lines)


def _figures_table(reports: Mapping[str, Sequence[Report]]) -> str:
    headings = (
        "server", "scenario", "clients", "rounds", "tok/s", "wall s", "first token p50 / p95",
        "gap p50 / p95 / max", "prompt tokens (cached)",
    )  # fmt: skip
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    for server, each in reports.items():
        for (scenario, clients), rounds in _grouped(each).items():
            lines.append(f"| {server} | {scenario} | {clients} | {_cells(rounds)} |")
    return "\n".join(lines) + "\n"


def _grouped(reports: Sequence[Report]) -> dict[tuple[str, int], list[Figures]]:
    grouped: dict[tuple[str, int], list[Figures]] = {}
    for report in reports:
        for result in report.results:
            key = (result.scenario, result.concurrency)
            grouped.setdefault(key, []).extend(result.rounds)
    return grouped


def _cells(rounds: Sequence[Figures]) -> str:
    figures = medians(rounds)
    gap = figures.gap_s
    gaps = f"{_ms(gap.p50)} / {_ms(gap.p95)} / {_ms(gap.max)}" if gap else "—"
    return " | ".join(
        [
            str(len(rounds)),
            f"{figures.tokens_per_s:.1f}",
            f"{figures.wall_s:.2f}",
            f"{_ms(figures.ttft_s.p50)} / {_ms(figures.ttft_s.p95)}",
            gaps,
            f"{figures.prompt_tokens:.0f} ({figures.cached_tokens:.0f})",
        ]
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}"
