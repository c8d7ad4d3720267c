# SPDX-License-Identifier: Apache-2.0
"""The processor's counters: each counted once, over wraps, and never over a sleep."""

import errno
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atre.hardware.tree import Tree
from atre.power.machine_power import chosen, span_between
from atre.power.powercap import read_domains
from atre.power.reading import Basis, Reading, Scope
from atre.power.samplers.energy_counter import EnergyCounter
from atre.power.samplers.rapl import FORBIDDEN, RaplFiles

RANGE_UJ = 262_143_328_850  # of an Intel package


def write_domain(
    root: Path, directory: str, name: str, count: object, range_uj: object = RANGE_UJ
) -> None:
    folder = root / "sys/class/powercap" / directory
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name").write_text(f"{name}\n")
    if count is not None:
        (folder / "energy_uj").write_text(f"{count}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")


class _Sleep:
    """How long the machine has slept, set by the test."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_nested_and_repeated_domains_are_left_out(tmp_path: Path) -> None:
    for directory, name in {
        "intel-rapl:0": "package-0",
        "intel-rapl:0:0": "core",
        "intel-rapl:0:1": "uncore",
        "intel-rapl:0:2": "dram",
        "intel-rapl:1": "psys",
        "intel-rapl-mmio:0": "package-0",
        "intel-rapl-mmio:0:0": "dram",
        "dtpm:0": "package-0",
    }.items():
        write_domain(tmp_path, directory, name, 7)
    (tmp_path / "sys/class/powercap/intel-rapl").mkdir()

    assert [domain.name for domain in read_domains(Tree(tmp_path))] == ["package-0", "psys"]


def test_the_mmio_twin_counts_where_it_is_alone(tmp_path: Path) -> None:
    write_domain(tmp_path, "intel-rapl-mmio:0", "package-0", 7)

    assert [domain.name for domain in read_domains(Tree(tmp_path))] == ["package-0"]


@pytest.mark.parametrize(("vendor", "num_counted"), [("AuthenticAMD", 2), ("GenuineIntel", 4)])
def test_dies_that_share_amds_counter_count_once(
    tmp_path: Path, vendor: str, num_counted: int
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cpuinfo").write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n")
    for index in range(4):
        write_domain(
            tmp_path, f"intel-rapl:{index}", f"package-{index // 2}-die-{index % 2}", index
        )

    assert len(read_domains(Tree(tmp_path))) == num_counted


@settings(deadline=None, max_examples=40)
@given(
    start_uj=st.integers(0, RANGE_UJ - 1),
    rounds=st.lists(st.tuples(st.floats(0.5, 5.0), st.floats(0.5, 400.0)), min_size=1, max_size=20),
    has_psys=st.booleans(),
    num_nested=st.integers(0, 3),
    has_twin=st.booleans(),
)
def test_the_machine_s_energy_is_the_widest_domain_s_over_every_wrap(
    tmp_path_factory: pytest.TempPathFactory,
    start_uj: int,
    rounds: list[tuple[float, float]],
    *,
    has_psys: bool,
    num_nested: int,
    has_twin: bool,
) -> None:
    """The package takes its watts; psys twice as much; core, uncore and dram are inside."""
    root = tmp_path_factory.mktemp("powercap")
    sampler = RaplFiles(Tree(root), _Sleep())
    factors = {"intel-rapl:0": ("package-0", 1.0)}
    factors |= {
        f"intel-rapl:0:{n}": (("core", "uncore", "dram")[n], 0.3) for n in range(num_nested)
    }
    factors |= {"intel-rapl-mmio:0": ("package-0", 1.0)} if has_twin else {}
    factors |= {"intel-rapl:1": ("psys", 2.0)} if has_psys else {}

    def at(taken_j: float) -> None:
        for directory, (name, factor) in factors.items():
            count = (start_uj + round(taken_j * factor * 1e6)) % RANGE_UJ
            write_domain(root, directory, name, count)

    at(0.0)
    now_s, taken_j, told_j = 100.0, 0.0, 0.0
    before = sampler.read(now_s)
    for elapsed_s, watts in rounds:
        now_s, taken_j = now_s + elapsed_s, taken_j + elapsed_s * watts
        at(taken_j)
        after = sampler.read(now_s)
        span = span_between(before, after)
        assert span is not None
        assert span.basis is Basis.COUNTER
        told_j, before = told_j + span.energy_j, after
    assert told_j == pytest.approx(taken_j * (2 if has_psys else 1), rel=1e-4)


def _counts(
    tmp_path: Path, counts: Sequence[tuple[float, object]], slept: _Sleep | None = None
) -> Iterator[Reading]:
    """What the sampler says of package-0 for each time and content of its counter."""
    sampler = RaplFiles(Tree(tmp_path), slept or _Sleep())
    for at_s, count in counts:
        write_domain(tmp_path, "intel-rapl:0", "package-0", count)
        yield sampler.read(at_s)[0]


def test_a_sleep_gives_no_power(tmp_path: Path) -> None:
    slept = _Sleep()
    said: list[Reading] = []
    for reading in _counts(
        tmp_path, [(1, 0), (2, 10_000_000), (3, 90_000_000), (4, 95_000_000)], slept
    ):
        said.append(reading)
        slept.seconds = 3600.0 if len(said) >= 2 else 0.0

    assert [reading.power_w for reading in said] == [None, 10.0, None, 5.0]
    assert said[2].reason is not None
    assert "slept" in said[2].reason.text
    assert span_between([said[1]], [said[2]]) is None


@pytest.mark.parametrize(
    ("count", "said"),
    [
        ("N/A", "no number"),
        ("", "no number"),
        ("-5", "no number"),
        ("garbage\x00", "no number"),
        (9 * 10**30, "no number"),
        (RANGE_UJ - 1, "jumped"),  # 262 kJ in a second
        (2_000_000, "jumped"),  # the same, as a wrap: it really went backwards
        (RANGE_UJ + 10_000_000_000, "jumped"),
    ],
)
def test_what_cannot_be_true_gives_no_power_and_no_span(
    tmp_path: Path, count: object, said: str
) -> None:
    good, bad, again = _counts(tmp_path, [(1, 5_000_000), (2, count), (3, count)])

    assert bad.power_w is None
    assert bad.reason is not None
    assert said in bad.reason.text
    assert bad.reason.text_fr != bad.reason.text
    assert span_between([good], [bad]) is None
    assert again.power_w is None


def test_a_counter_without_a_range_that_goes_backwards_is_watched_anew(tmp_path: Path) -> None:
    sampler = RaplFiles(Tree(tmp_path), _Sleep())
    said = []
    for at_s, count in [(1, 50_000_000), (2, 60_000_000), (3, 1_000_000), (4, 8_000_000)]:
        write_domain(tmp_path, "intel-rapl:0", "package-0", count, range_uj="0")
        said.append(sampler.read(at_s)[0])

    assert [reading.power_w for reading in said] == [None, 10.0, None, 7.0]
    assert span_between([said[1]], [said[2]]) is None


def test_a_counter_that_stands_still_keeps_its_word_for_a_while_only(tmp_path: Path) -> None:
    counts = [
        (1.0, 0),
        (2.0, 10_000_000),
        (5.0, 10_000_000),
        (13.0, 10_000_000),
        (14.0, 20_000_000),
    ]
    _, moved, held, stalled, again = _counts(tmp_path, counts)

    assert held == moved
    assert stalled.power_w is None
    assert stalled.reason is not None
    assert "stands still" in stalled.reason.text
    assert again.power_w is None  # twelve seconds of energy are not the last one's


def test_a_psys_that_never_counts_leaves_the_figure_to_the_package(tmp_path: Path) -> None:
    sampler = RaplFiles(Tree(tmp_path), _Sleep())
    for at_s in (1, 2):
        write_domain(tmp_path, "intel-rapl:0", "package-0", at_s * 10_000_000)
        write_domain(tmp_path, "intel-rapl:1", "psys", 0)
        readings = sampler.read(at_s)

    assert [reading.source for reading in chosen(readings)] == ["rapl:package-0"]


def test_a_reader_that_was_away_too_long_does_not_guess_the_wraps(tmp_path: Path) -> None:
    _, late = _counts(tmp_path, [(1, 5_000_000), (100_000, 6_000_000)])

    assert late.power_w is None
    assert late.reason is not None
    assert "so long" in late.reason.text


def test_a_counter_that_only_root_may_read_says_what_to_do(tmp_path: Path) -> None:
    write_domain(tmp_path, "intel-rapl:0", "package-0", 5)
    tree = Tree(tmp_path, {"sys/class/powercap/intel-rapl:0/energy_uj": errno.EACCES})
    sampler = RaplFiles(tree)

    for now_s in (1.0, 2.0):
        (reading,) = sampler.read(now_s)
        assert (reading.power_w, reading.energy_j, reading.reason) == (None, None, FORBIDDEN)
    assert len(tree.issues) == 1  # they do not pile up, a second at a time


@pytest.mark.parametrize("missing", ["sys/class/powercap", "sys"])
def test_a_machine_without_counters_has_no_readings(tmp_path: Path, missing: str) -> None:
    (tmp_path / missing).mkdir(parents=True)

    assert RaplFiles(Tree(tmp_path)).read(1.0) == []


@given(st.lists(st.tuples(st.integers(0, 2**63), st.floats(0, 1e6)), max_size=20))
def test_whatever_a_counter_says_the_energy_only_grows_or_begins_at_0(
    counts: list[tuple[int, float]],
) -> None:
    counter = EnergyCounter("rapl:package-0", Scope.PACKAGE, unit_j=1e-6)
    last_j, now_s = 0.0, 0.0
    for count, elapsed_s in counts:
        now_s += elapsed_s
        reading = counter.count(count, now_s, 0.0, RANGE_UJ)
        energy_j = reading.energy_j or 0.0
        assert energy_j >= last_j or energy_j == 0.0
        assert reading.power_w is None or 0 < reading.power_w <= 3000
        assert (reading.power_w is None) == (reading.reason is not None)
        last_j = energy_j
