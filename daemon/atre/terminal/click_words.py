# SPDX-License-Identifier: Apache-2.0
"""What click says by itself, usage and wrong options, in the language of the command.

click asks gettext, of Python's own library, which takes the language from the environment. Errors
in the options are found before ``--lang`` is: it is looked for here, ahead of everything.
"""

import gettext
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from atre.terminal.language import LANGUAGES, speaks_french

_DOMAIN = "click"
_CATALOGUES = Path(__file__).parent / "locale"
_VARIABLE = "LANGUAGE"  # what gettext reads before the variables of POSIX


@contextmanager
def in_language_of(arguments: Sequence[str]) -> Iterator[str]:
    """Let click speak the language that a command line asks for, else the terminal's: this one."""
    before = os.environ.get(_VARIABLE)
    language = os.environ[_VARIABLE] = wanted(arguments, os.environ)
    domain = gettext.textdomain()
    gettext.bindtextdomain(_DOMAIN, str(_CATALOGUES))
    gettext.textdomain(_DOMAIN)
    try:
        yield language
    finally:
        gettext.textdomain(domain)
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before


def wanted(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """``fr`` or ``en``: the last ``--lang`` of a command line, else the terminal's."""
    found = "fr" if speaks_french(environment) else "en"
    for index, argument in enumerate(arguments):
        if argument == "--":
            break
        name, is_joined, value = argument.partition("=")
        if name != "--lang":
            continue
        asked = value if is_joined else "".join(arguments[index + 1 : index + 2])
        found = asked if asked in LANGUAGES else found
    return found
