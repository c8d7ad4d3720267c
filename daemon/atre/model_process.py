# SPDX-License-Identifier: Apache-2.0
"""What a process that serves a model does around its model."""

import logging
import signal
import sys
from collections.abc import Callable
from typing import Any

import click

from atre.errors import EngineError
from atre.ipc.job_server import JobServer
from atre.sentence import Sentence
from atre.system.lifeline import end_with_parent
from atre.system.notify import notify

_log = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

no_model_option = click.option(
    "--no-model",
    "no_model_reason",
    nargs=2,
    metavar="ENGLISH FRENCH",
    help="Serve no model and say this instead.",
)


def without_model(reason: Sentence) -> list[str]:
    """The arguments that say why there is no model, for ``no_model_option``."""
    return ["--no-model", reason.text, reason.text_fr]


def begin(name: str, *, lifeline: bool) -> None:
    """Log as ``name``, llama.cpp's warnings included; with ``lifeline``, end with the parent."""
    logging.basicConfig(level=logging.INFO, format=f"{name}: %(message)s", stream=sys.stderr)
    logging.getLogger("llama.cpp").setLevel(logging.WARNING)
    if lifeline:
        end_with_parent()


def run(server: JobServer[Any, Any], serve: Callable[[], None]) -> None:
    """Answer on ``server`` until a signal asks to stop.

    ``serve`` loads the model, hands it over and works until it is stopped. Where it raises
    EngineError there is no model, and everybody is told why.
    """
    server.start()
    try:
        serve()
    except EngineError as error:
        _log.error("%s", error)
        server.refusal = error
        notify("READY=1", f"STATUS={error}")
        signal.sigwait(_STOP_SIGNALS)
    finally:
        server.close()


def on_stop(stop: Callable[[], None]) -> None:
    """Call ``stop`` when a signal asks this process to end."""
    for number in _STOP_SIGNALS:
        signal.signal(number, lambda *_: stop())
