# SPDX-License-Identifier: Apache-2.0
import pytest

from atre.terminal.language import speaks_french


@pytest.mark.parametrize(
    ("environment", "french"),
    [
        ({}, False),
        ({"LANG": "fr_CA.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8", "LC_MESSAGES": "en_GB.UTF-8"}, False),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, True),
        ({"LANG": "fr_FR.UTF-8", "LC_ALL": ""}, True),
        ({"LANG": "C.UTF-8"}, False),
    ],
)
def test_the_terminal_says_which_language_it_wants(
    environment: dict[str, str], *, french: bool
) -> None:
    assert speaks_french(environment) is french
