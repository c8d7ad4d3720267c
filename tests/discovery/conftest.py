# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from tests.discovery import lan_namespaces
from tests.discovery.lan_namespaces import Lan

_TOOLS = ("ip", "unshare", "dbus-daemon", "avahi-daemon", "avahi-browse", "avahi-publish")


def missing_part() -> str | None:
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "network namespaces need root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    # Root of a container may lack what it takes.
    if subprocess.run(("unshare", "--net", "--mount", "true"), check=False).returncode != 0:
        return "this root may not make network namespaces"
    return None


@pytest.fixture(scope="session")
def lan_tools() -> ModuleType:
    """The module ``lan_namespaces``, or a skip with what this machine lacks for it."""
    reason = missing_part()
    if reason is not None:
        pytest.skip(reason)
    return lan_namespaces


@pytest.fixture
def lan(lan_tools: ModuleType, tmp_path: Path) -> Iterator[Lan]:
    with lan_tools.Lan(tmp_path) as lan:
        yield lan
