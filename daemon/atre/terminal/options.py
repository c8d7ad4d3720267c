# SPDX-License-Identifier: Apache-2.0
"""Options that many commands share; see ``atre.terminal.language`` for ``--lang``."""

from pathlib import Path

import click

from atre.config import default_data_dir

data_dir_option = click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=default_data_dir,
    show_default="your data directory",
    help="Where the box keeps its data.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
