# SPDX-License-Identifier: Apache-2.0
import shlex
import shutil
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import click
from tests.benchmarks.bars import Outcome, heavy_outcome, race_outcomes
from tests.benchmarks.circumstances import circumstances, load_now
from tests.benchmarks.llama_server import Peer, build_llama_server
from tests.benchmarks.own_cost import gateway_outcome, memory_outcomes, turn_outcomes
from tests.benchmarks.page import bars_table, page
from tests.benchmarks.random_model import SHAPE, RandomModel, write_random_model
from tests.benchmarks.section import write_section
from tests.benchmarks.servers import Box, Running, llama_server, measure

from atre.bench.report import Report, bandwidth_share
from atre.engine_plan import EnginePlan

_COMMON = ("shared-prefix", "long-prompt-arrives", "rewrite")
_HEAVY = "one-heavy-seven-light"
_LONG_SLOTS, _MANY_SLOTS = 8, 16


class Contest:
    """Both servers, measured in turn."""

    def __init__(self, directory: Path, peer: Peer, model: RandomModel) -> None:
        self._directory = directory
        self._peer = peer
        self._model = model
        self._text = directory / "text.txt"
        self._text.write_text(model.text, "utf-8")
        self.box = Box(directory, model)
        self.ours: list[Report] = []
        self.theirs: dict[int, list[Report]] = {_LONG_SLOTS: [], _MANY_SLOTS: []}
        self.command = ""

    def run_ours(self) -> None:
        with self.box.running() as server:
            self.ours += [
                self._measure(server, ("plain", *_COMMON), (1, 4, 8, 16)),
                self._measure(server, (_HEAVY,)),
            ]

    def run_theirs(self, *, heavy: bool) -> None:
        """``heavy`` also measures what one heavy user does there, which takes a minute or two."""
        with self._llama_server(_LONG_SLOTS) as server:
            self.command = shlex.join(["llama-server", "--model", "FILE", *server.argv[7:]])
            measured = self.theirs[_LONG_SLOTS]
            measured.append(self._measure(server, ("plain", *_COMMON), (1, 4, 8, 16)))
            if heavy:
                measured.append(self._measure(server, (_HEAVY,)))
        with self._llama_server(_MANY_SLOTS) as server:
            self.theirs[_MANY_SLOTS].append(self._measure(server, ("plain",), (16,)))

    def own_outcomes(self) -> list[Outcome]:
        """What our own code costs, in time and memory."""
        with self.box.running() as server:
            self._measure(server, ("plain",), (16,))  # so that memory is what use leaves it
            rest = [gateway_outcome(server, self.box), *memory_outcomes(server, self.box)]
        return [*turn_outcomes(self.ours), *rest]

    def _measure(
        self, server: Running, scenarios: Sequence[str], concurrency: Sequence[int] = (1,)
    ) -> Report:
        return measure(
            server, self._model, self._text, scenarios=scenarios, concurrency=concurrency
        )

    def _llama_server(self, num_slots: int) -> AbstractContextManager[Running]:
        log = self._directory / "llama-server.log"
        return llama_server(self._peer, self._model, self.box.plan, num_slots=num_slots, log=log)


@click.command()
@click.option("--rounds", type=click.IntRange(min=1), default=3, show_default=True)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("build/bench"),
    show_default=True,
    help="Where llama-server is built and the servers work.",
)
@click.option(
    "--page",
    "page_file",
    type=click.Path(path_type=Path),
    help="Write this benchmark's part of that page.",
)
def main(rounds: int, cache: Path, page_file: Path | None) -> None:
    """Race this engine against llama-server and hold it to its bars."""
    # A service manager's stop must also stop the servers that were started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    load = load_now()
    cache = cache.absolute()
    peer = build_llama_server(cache)
    directory = cache / "work"
    shutil.rmtree(directory, ignore_errors=True)  # a box of an earlier run has its keys already
    directory.mkdir()
    click.echo("bench: writing the model", err=True)
    model = write_random_model(directory / "random-190M.gguf", peer.vocabulary)
    contest = Contest(directory, peer, model)
    for number in range(1, rounds + 1):
        click.echo(f"bench: round {number} of {rounds}: ours", err=True)
        contest.run_ours()
        click.echo(f"bench: round {number} of {rounds}: llama-server", err=True)
        contest.run_theirs(heavy=number == 1)
    click.echo("bench: what our own code costs", err=True)
    outcomes = [
        *race_outcomes(contest.ours, contest.theirs),
        heavy_outcome(contest.ours, contest.theirs[_LONG_SLOTS]),
        *contest.own_outcomes(),
    ]
    click.echo(bars_table(outcomes))
    if page_file:
        reports = {
            "ours": contest.ours,
            **{f"llama-server, {slots} slots": each for slots, each in contest.theirs.items()},
        }
        text = page(_facts(contest, peer, load), outcomes, reports, SHAPE)
        write_section(page_file, "make bench", text)
        click.echo(f"bench: wrote {page_file}", err=True)


def _facts(contest: Contest, peer: Peer, load: float) -> dict[str, str]:
    first = contest.ours[0]
    plan: EnginePlan = contest.box.plan
    facts = {
        **circumstances(load=load, started_at=first.started_at),
        "llama-cpp-python": f"{peer.version}, and llama-server from its sources: "
        f"`cmake {' '.join(peer.flags)}`",
        "ours": f"`atre serve`, profile's own choice: {plan.threads} threads, context "
        f"{plan.n_ctx}, {plan.num_slots} slots, batch {plan.n_batch}, micro-batch {plan.n_ubatch}",
        "llama-server": f"`{contest.command}`",
    }
    share = bandwidth_share(first)
    if share is not None and first.bandwidth_bytes_per_s:
        facts["memory"] = (
            f"{first.bandwidth_bytes_per_s / 1e9:.1f} GB/s read by NumPy; one stream reads "
            f"{(first.step_bytes or 0) / 1e6:.0f} MB a token, {share:.0%} of that limit"
        )
    return facts


if __name__ == "__main__":
    main()
