# SPDX-License-Identifier: Apache-2.0
from rich.table import Table

from atre.bench.report import Measured, Report, bandwidth_share
from atre.bench.spread import Spread

_UNKNOWN = "—"
# Extra figures of a scenario: what they are called, and how they are written.
_EXTRA = {
    "largest_gap_s": ("longest gap once the long prompt came", "{:.3f} s"),
    "late_ttft_s": ("first token of the long prompt", "{:.3f} s"),
    "alone_ttft_p95_s": ("p95 first token without the heavy user", "{:.3f} s"),
    "ttft_ratio": ("p95 first token beside the heavy user ÷ without", "{:.2f}"),
    "text_tokens": ("tokens in the text", "{:.0f}"),
    "quoted": ("share of the answer that is the text", "{:.0%}"),
}


def results_table(report: Report) -> Table:
    """One line a measurement: medians over the rounds, times in milliseconds."""
    table = Table(title=f"{report.model} · {report.url}", title_justify="left")
    table.add_column("scenario")
    for heading in ("clients", "tok/s", "wall s", "first token ms p50/p95", "gap ms p50/p95/max"):
        table.add_column(heading, justify="right")
    for result in report.results:
        table.add_row(*_row(result))
    return table


def remarks(report: Report) -> list[str]:
    """What does not fit in the table: figures of single scenarios, the limit, notes."""
    lines = [
        f"{result.scenario}: {label} {layout.format(result.median.extra[name])}"
        for result in report.results
        for name, (label, layout) in _EXTRA.items()
        if name in result.median.extra
    ]
    share = bandwidth_share(report)
    if share is not None and report.bandwidth_bytes_per_s and report.step_bytes:
        lines.append(
            f"One stream reaches {share:.0%} of the limit that memory sets: "
            f"{report.bandwidth_bytes_per_s / 1e9:.1f} GB/s measured here, "
            f"{report.step_bytes / 1e6:.0f} MB of weights a token."
        )
    return lines + _turns(report) + report.notes


def _turns(report: Report) -> list[str]:
    """What the engine's own code adds to a step, for the numbers of streams that were asked for."""
    asked = {result.concurrency for result in report.results if result.scenario == "plain"}
    return [
        f"A turn of {turn.num_streams} streams takes {turn.total_ms:.1f} ms, "
        f"{turn.outside_ms:.2f} ms of them outside the model ({turn.count} turns)."
        for turn in report.turns
        if turn.num_streams in asked
    ]


def _row(result: Measured) -> list[str]:
    median = result.median
    return [
        result.scenario,
        str(result.concurrency),
        f"{median.tokens_per_s:.1f}",
        f"{median.wall_s:.2f}",
        _milliseconds(median.ttft_s, "p50", "p95"),
        _milliseconds(median.gap_s, "p50", "p95", "max"),
    ]


def _milliseconds(spread: Spread | None, *names: str) -> str:
    if spread is None:
        return _UNKNOWN
    return "/".join(f"{getattr(spread, name) * 1000:.0f}" for name in names)
