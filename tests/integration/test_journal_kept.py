# SPDX-License-Identifier: Apache-2.0
"""The panel keeps SQLite's journal between requests: to write it back costs each of them a sync."""

from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from tests.integration.running_box import RunningBox

_TIMEOUT_S = 30.0


def test_the_journal_outlasts_a_request(box: "RunningBox") -> None:
    request = Request(
        f"http://127.0.0.1:{box.port}/v1/models", headers={"Authorization": f"Bearer {box.key}"}
    )
    with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        answer.read()
    # By its answer the first request has closed what it opened.
    with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        answer.read()
    assert (box.data_dir / "atre.db-wal").exists()
