# SPDX-License-Identifier: Apache-2.0
"""``atre-network.service``: what was confirmed, in place before systemd-networkd looks."""

import logging
import sys
from pathlib import Path

import click

from atre.network import record
from atre.network.link import NetworkdLink
from atre.network.settings import network_file

_log = logging.getLogger(__name__)


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
@click.option("--office-file", type=click.Path(path_type=Path), help="For tests.")
def main(data_dir: Path, office_file: Path | None) -> None:
    """Write the address that the office confirmed, if it chose one."""
    logging.basicConfig(level=logging.INFO, format="atre-network: %(message)s", stream=sys.stderr)
    link = NetworkdLink(office_file) if office_file else NetworkdLink()
    confirmed = record.read(data_dir / "state").confirmed
    try:
        link.put(network_file(confirmed))
    except OSError as error:
        sys.exit(f"The address cannot be set ({error}); the router gives one.")
    _log.info("address: %s %s", confirmed.method, confirmed.address)


if __name__ == "__main__":
    main()
