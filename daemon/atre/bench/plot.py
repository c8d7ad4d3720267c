# SPDX-License-Identifier: Apache-2.0
"""Draws the plain scenario by number of clients: a pure function from a report to SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from atre.bench.report import Measured, Report
from atre.errors import BenchmarkError

_WIDTH, _HEIGHT = 320, 220  # of one panel, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 16, 36, 40
_TITLE_HEIGHT = 34
_TICKS = 4
# Readable on white and on black; a viewer's text colour is not known.
_INK, _GRID = "#777777", "#77777755"
_COLOURS = ("#2f7ed8", "#d9822b")


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    lines: dict[str, list[float]]


def plot(report: Report) -> str:
    """An SVG document: throughput, time to the first token and gap against number of clients.

    Raises BenchmarkError if the plain scenario was not measured.
    """
    plain = sorted(
        (result for result in report.results if result.scenario == "plain"),
        key=lambda result: result.concurrency,
    )
    if not plain:
        raise BenchmarkError("Only the plain scenario can be plotted; add it to --scenario.")
    clients = [result.concurrency for result in plain]
    panels = _panels(plain)
    title = escape(f"{report.model} · {report.url} · {report.started_at}")
    body = "".join(
        f'<g transform="translate({index * _WIDTH},{_TITLE_HEIGHT})">{_draw(panel, clients)}</g>'
        for index, panel in enumerate(panels)
    )
    width, height = len(panels) * _WIDTH, _HEIGHT + _TITLE_HEIGHT
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="sans-serif" font-size="11" fill="{_INK}">'
        f'<title>{title}</title><text x="{_LEFT}" y="20" font-size="13">{title}</text>'
        f"{body}</svg>\n"
    )


def _panels(plain: Sequence[Measured]) -> list[_Panel]:
    ttft = [result.median.ttft_s for result in plain]
    panels = [
        _Panel("tokens per second, all clients", {"": [r.median.tokens_per_s for r in plain]}),
        _Panel(
            "time to the first token, ms",
            {"p50": [each.p50 * 1000 for each in ttft], "p95": [each.p95 * 1000 for each in ttft]},
        ),
    ]
    gaps = [result.median.gap_s for result in plain]
    known = [gap for gap in gaps if gap is not None]
    if len(known) == len(gaps):
        panels.append(
            _Panel(
                "gap between tokens, ms",
                {"p50": [g.p50 * 1000 for g in known], "p95": [g.p95 * 1000 for g in known]},
            )
        )
    return panels


def _draw(panel: _Panel, clients: Sequence[int]) -> str:
    top = _round_up(max(max(values) for values in panel.lines.values()))
    parts = [f'<text x="{_LEFT}" y="22" font-size="12">{escape(panel.title)}</text>']
    parts += [_grid_line(top * tick / _TICKS, top) for tick in range(_TICKS + 1)]
    xs = _places(len(clients))
    parts += [
        f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{number}</text>'
        for x, number in zip(xs, clients, strict=True)
    ]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle}" y="{_HEIGHT - 8}" text-anchor="middle">clients at the same time</text>'
    )
    for colour, (label, values) in zip(_COLOURS, panel.lines.items(), strict=False):
        parts.append(_line(xs, [_y(value, top) for value in values], label, colour))
    return "".join(parts)


def _grid_line(value: float, top: float) -> str:
    y = _y(value, top)
    return (
        f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GRID}"/>'
        f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>'
    )


def _line(xs: Sequence[float], ys: Sequence[float], label: str, colour: str) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        for x, y in zip(xs, ys, strict=True)
    )
    name = (
        f'<text x="{xs[-1] - 6:.1f}" y="{ys[-1] - 8:.1f}" text-anchor="end" fill="{colour}">'
        f"{escape(label)}</text>"
    )
    return (
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>{dots}{name}'
    )


def _places(count: int) -> list[float]:
    """Evenly spread places on the horizontal axis."""
    room = _WIDTH - _LEFT - _RIGHT
    return [_LEFT + room * (index + 0.5) / count for index in range(count)]


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * value / top


def _round_up(value: float) -> float:
    """The next number of 1, 2, 4, 6 or 8 times a power of ten, so that ticks are round."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value > 0:
        power /= 10
    return next(power * step for step in (1, 2, 4, 6, 8, 10) if power * step >= value)
