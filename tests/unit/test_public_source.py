# SPDX-License-Identifier: Apache-2.0
import pytest

from atre.ipc.power_basis import Basis
from atre.ipc.public_source import public_machine_source, public_source


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("plug:shelly:192.0.2.7", "plug:shelly"),
        ("plug:tasmota:fd00::7", "plug:tasmota"),
        ("ups:bureau-de-marie", "ups"),
        ("rapl:package-0", "rapl:package-0"),
        ("nvml:0", "nvml:0"),
        ("battery", "battery"),
        ("", ""),
    ],
)
def test_a_source_is_told_without_addresses(source: str, told: str) -> None:
    assert public_source(source) == told


@pytest.mark.parametrize(
    ("basis", "sources", "told"),
    [
        (Basis.PLUG, ["plug:shelly:192.0.2.7"], "plug:shelly"),
        (
            Basis.COUNTER,
            ["rapl:package-1", "rapl:package-0"],
            "counter:rapl:package-0+rapl:package-1",
        ),
        (Basis.ESTIMATE, ["ups:office"], "estimate:ups"),
    ],
)
def test_the_basis_is_said_once(basis: Basis, sources: list[str], told: str) -> None:
    assert public_machine_source(basis, sources) == told
