# SPDX-License-Identifier: Apache-2.0
"""How much longer readers wait for the next token while a backup runs.

``python -m tests.benchmarks.backup_gap`` starts a box, gives it documents to back up, and streams
answers during a backup and for as long without one, in turn, so that whatever else the machine does
falls on both.
"""

import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click
from tests.integration.running_box import RunningBox

_PROMPT = "Une longue histoire de chevaux, de ponts et de rivières :"
_MAX_TOKENS = 400
_TIMEOUT_S = 600


@click.command()
@click.option("--pairs", default=3, show_default=True, help="Backups, each with a time without.")
@click.option("--megabytes", default=200, show_default=True, help="New documents for each backup.")
@click.option("--model", help="A GGUF file or a stored model.  [default: factory model]")
def main(pairs: int, megabytes: int, model: str | None) -> None:
    """Print the gaps between tokens with and without a backup, and their ratio by pair."""
    with tempfile.TemporaryDirectory(prefix="atre-gap-") as directory:
        root = Path(directory)
        box = RunningBox(root / "box", *(["--model", model] if model else []))
        (root / "disk").mkdir()
        box.start()
        try:
            _backup(box, "targets", "add-folder", str(root / "disk")).wait()
            _measure(box, pairs, megabytes)
        finally:
            box.clean_up()


def _measure(box: RunningBox, pairs: int, megabytes: int) -> None:
    documents = box.data_dir / "documents"
    documents.mkdir()
    ratios = []
    for number in range(pairs):
        with (documents / f"{number}.bin").open("wb") as file:
            for _ in range(megabytes):
                file.write(os.urandom(2**20))
        began_s = time.monotonic()
        with _backup(box, "create") as job:
            during = _gaps(box, partial(_runs, job))
        if job.returncode:
            raise click.ClickException("The backup failed; see above.")
        lasted_s = time.monotonic() - began_s
        without = _gaps(box, partial(_is_before, time.monotonic() + lasted_s))
        ratios.append(_quantile(during, 0.95) / _quantile(without, 0.95))
        click.echo(f"pair {number + 1}, {lasted_s:.0f} s each")
        click.echo(f"  during a backup: {_words(during)}")
        click.echo(f"  without:         {_words(without)}")
    each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    click.echo(f"p95 with ÷ without: median {statistics.median(ratios):.2f} ({each})")


def _gaps(box: RunningBox, goes_on: Callable[[], bool]) -> list[float]:
    """Seconds between the events of streams, one stream after another."""
    gaps: list[float] = []
    while goes_on() or len(gaps) < 2:
        connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=_TIMEOUT_S)
        body = {"prompt": _PROMPT, "max_tokens": _MAX_TOKENS, "stream": True, "temperature": 1}
        headers = {"Authorization": f"Bearer {box.key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status != http.client.OK:
            raise click.ClickException(f"The box answered {answer.status}: {answer.read()!r}")
        before_s = None
        while line := answer.readline():
            if not line.startswith(b"data: {"):
                continue
            now_s = time.perf_counter()
            if before_s is not None:
                gaps.append(now_s - before_s)
            before_s = now_s
        connection.close()
    return gaps


def _runs(job: "subprocess.Popen[bytes]") -> bool:
    return job.poll() is None


def _is_before(until_s: float) -> bool:
    return time.monotonic() < until_s


def _backup(box: RunningBox, verb: str, *arguments: str) -> "subprocess.Popen[bytes]":
    argv = [box.command, "backup", verb, *arguments, "--data-dir", str(box.data_dir)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, env=box.environment)


def _words(gaps: list[float]) -> str:
    p50, p95, p99 = (1000 * _quantile(gaps, share) for share in (0.5, 0.95, 0.99))
    longest = 1000 * max(gaps)
    return f"p50 {p50:.1f} ms, p95 {p95:.1f}, p99 {p99:.1f}, longest {longest:.1f}, n {len(gaps)}"


def _quantile(gaps: list[float], share: float) -> float:
    return sorted(gaps)[min(len(gaps) - 1, int(share * len(gaps)))]


if __name__ == "__main__":
    main()
