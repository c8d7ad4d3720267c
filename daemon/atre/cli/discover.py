# SPDX-License-Identifier: Apache-2.0
import click
import msgspec
from rich.console import Console
from rich.table import Table

from atre.discovery.browse import discover as browse
from atre.discovery.found import Found
from atre.errors import DiscoveryError
from atre.terminal.language import lang_option, say


@click.command()
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(0.1, 60), default=3.0, show_default=True
)
@click.option(
    "--verify/--no-verify", default=True, show_default=True, help="Try each box before showing it."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@lang_option
def discover(timeout_s: float, *, verify: bool, as_json: bool) -> None:
    """Find the boxes on this network.

    What a box says of itself is not proof: compare its certificate's fingerprint with the one on
    its status page.
    """
    boxes = browse(timeout_s, verify=verify)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode([_public(box) for box in boxes])))
    elif boxes:
        Console().print(_table(boxes))
    else:
        raise DiscoveryError(
            "No box answered. Check that it runs with --lan, that both machines are on the same "
            "network, and that no firewall blocks UDP port 5353.",
            "Aucun boîtier n’a répondu. Vérifiez qu’il tourne avec --lan, que les deux machines "
            "sont sur le même réseau, et qu’aucun pare-feu ne bloque le port UDP 5353.",
        )


def _public(box: Found) -> dict[str, object]:
    """As programs know it: in one language, whatever the terminal's."""
    return {key: value for key, value in msgspec.structs.asdict(box).items() if key != "reason_fr"}


def _table(boxes: list[Found]) -> Table:
    table = Table(
        say("name", "nom"),
        say("address", "adresse"),
        say("verified", "vérifié"),
        say("certificate SHA-256", "SHA-256 du certificat"),
    )
    for box in boxes:
        table.add_row(box.name, box.url, _state(box), box.certificate_sha256 or "—")
    return table


def _state(box: Found) -> str:
    state = say(box.reason, box.reason_fr) or say("not tried", "pas essayé")
    if box.verified:
        state = say("yes", "oui")
    if not box.waits_for_owner:
        return state
    return state + say(
        f"; no owner yet: claim it at {box.url}/claim",
        f" ; sans propriétaire : mettez-le à votre nom à {box.url}/claim",
    )
