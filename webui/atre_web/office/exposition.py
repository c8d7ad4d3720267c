# SPDX-License-Identifier: Apache-2.0
"""The box's figures in Prometheus' text format. Pure; what is not known is absent, never 0.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from atre.ipc.messages import EngineDescription
from atre.ipc.power_messages import PowerDescription
from atre.ipc.public_source import public_source

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter"]
_Sample = tuple[Mapping[str, str], float | None]
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def exposition(engine: EngineDescription | None, power: PowerDescription | None) -> str:
    """What Prometheus reads; None is a process that does not answer."""
    up = [({"process": "engine"}, float(engine is not None))]
    up.append(({"process": "atred"}, float(power is not None)))
    lines = [_family("atre_up", "gauge", "Whether a process of the box answers.", up)]
    if power is not None:
        lines += _power(power)
    if engine is not None:
        lines += _engine(engine)
    return "".join(lines)


def _power(power: PowerDescription) -> Iterator[str]:
    machine = {"source": "machine", "basis": str(power.basis)}
    sources = [
        ({"source": public_source(each.source), "basis": str(each.basis)}, each.power_w)
        for each in power.sources
    ]
    yield _family(
        "atre_power_watts",
        "gauge",
        'Power now. source="machine" is the whole machine; the others are what it is made of.',
        [(machine, power.power_w), *sources],
    )
    yield _family(
        "atre_idle_power_watts", "gauge", "Power of the machine at rest.", [({}, power.idle_w)]
    )
    yield _family(
        "atre_energy_joules_total",
        "counter",
        "Energy of the machine since its history began.",
        [({}, power.energy_total_j)],
    )


def _engine(engine: EngineDescription) -> Iterator[str]:
    loaded = "since the model was loaded."
    families: list[tuple[str, Kind, str, float]] = [
        ("requests_running", "gauge", "Requests that are being answered.", engine.num_running),
        ("queue_length", "gauge", "Requests that wait.", engine.num_waiting),
        ("queue_limit", "gauge", "Requests that may wait.", engine.queue_limit),
        ("requests_total", "counter", f"Requests {loaded}", engine.requests_total),
        (
            "completion_tokens_total",
            "counter",
            f"Tokens written {loaded}",
            engine.completion_tokens_total,
        ),
    ]
    for name, kind, words, value in families:
        yield _family(f"atre_{name}", kind, words, [({}, value)])


def _family(name: str, kind: Kind, words: str, samples: Sequence[_Sample]) -> str:
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return ""
    return f"# HELP {name} {words}\n# TYPE {name} {kind}\n" + "".join(
        f"{name}{_labels(labels)} {value!r}\n" for labels, value in known
    )


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels.items())
    return f"{{{inside}}}"
