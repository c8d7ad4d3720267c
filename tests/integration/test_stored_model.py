# SPDX-License-Identifier: Apache-2.0
"""A box that answers with a model from its store."""

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from atre.planning import factory_model_path

if TYPE_CHECKING:
    from tests.integration.conftest import BoxStarter, CallerMaker
    from tests.integration.running_box import RunningBox

_TIMEOUT_S = 60.0


def model(box: "RunningBox", *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [box.command, "model", *arguments, "--data-dir", str(box.data_dir)],
        capture_output=True, text=True, check=False, timeout=_TIMEOUT_S, env=box.environment,
    )  # fmt: skip


def test_a_chosen_model_answers_after_a_start_and_stays_while_it_does(
    start_box: "BoxStarter", make_caller: "CallerMaker"
) -> None:
    box = start_box()
    assert model(box, "import", str(factory_model_path()), "--name", "mine").returncode == 0
    assert model(box, "use", "mine").returncode == 0
    box.stop()
    box.start()
    assert box.ready["model"] == "mine"
    with make_caller(box, box.ready["api_key"]).completion(max_tokens=1) as answered:
        assert answered.status == 200
    assert model(box, "use", "factory").returncode == 0
    refused = model(box, "remove", "mine")
    assert refused.returncode == 1
    assert "running box" in refused.stderr
    box.stop()
    assert model(box, "remove", "mine").returncode == 0
    assert list(Path(box.data_dir, "models", "blobs").iterdir()) == []
