# SPDX-License-Identifier: Apache-2.0
import click
import msgspec
from rich.console import Console
from rich.table import Table

from atre.discovery.browse import discover as browse
from atre.discovery.found import Found


@click.command()
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.1, 60), default=3.0, show_default=True
)
@click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Try each box before showing it."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def discover(timeout_s: float, *, verify: bool, as_json: bool) -> None:
    """Find the boxes on this network.

    What a box says of itself is not proof: compare its certificate's fingerprint with the one on
    its status page.
    """
    boxes = browse(timeout_s, verify=verify)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(boxes)))
    elif boxes:
        Console().print(_table(boxes))
    else:
        raise click.ClickException(
            "No box answered. Check that it runs with --lan, that both machines are on the same "
            "network, and that no firewall blocks UDP port 5353."
        )


def _table(boxes: list[Found]) -> Table:
    table = Table("name", "address", "verified", "certificate SHA-256")
    for box in boxes:
        state = "yes" if box.verified else box.reason or "not tried"
        if box.waits_for_owner:
            state += f"; no owner yet: claim it at {box.url}/claim"
        table.add_row(box.name, box.url, state, box.certificate_sha256 or "—")
    return table
