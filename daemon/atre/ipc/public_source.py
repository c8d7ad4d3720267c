# SPDX-License-Identifier: Apache-2.0
"""What may be told of a source to anybody who uses the API. Pure."""

from collections.abc import Iterable

from atre.ipc.power_basis import Basis

# What follows the kind in these is an address or a name of the office's network.
_PRIVATE = {"plug": 2, "ups": 1}


def public_source(source: str) -> str:
    """A source's kind: ``plug:shelly`` of ``plug:shelly:192.0.2.7``; counters are told whole."""
    parts = source.split(":")
    return ":".join(parts[: _PRIVATE.get(parts[0], len(parts))])


def public_machine_source(basis: Basis, sources: Iterable[str]) -> str:
    """Where the machine's figure comes from, as ``counter:rapl:package-0`` or ``plug:shelly``."""
    named = "+".join(sorted({public_source(source) for source in sources}))
    return named if named.startswith(f"{basis}:") else f"{basis}:{named}"
