# SPDX-License-Identifier: Apache-2.0
from flask import current_app

from atre.errors import EngineError
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import UpsReport
from atre.system.clock import is_synchronised
from atre_web.accounts import claim, current, invitations, people
from atre_web.appliance.client import appliance_or_none
from atre_web.backups.blueprint import overview_or_none
from atre_web.office.findings import Facts, Finding, findings
from atre_web.panel.snapshot import Snapshot
from atre_web.updates import blueprint as update_room


def facts_now(snapshot: Snapshot) -> Facts:
    """The facts of the traffic light at this moment."""
    connection = current.connection()
    claimed = claim.state(connection)
    return Facts(
        engine=snapshot.engine,
        engine_problem=snapshot.engine_problem,
        embedder_problem=snapshot.embedder_problem,
        box=snapshot.box,
        is_factory=snapshot.is_factory,
        free_bytes=snapshot.free_bytes,
        space=snapshot.space,
        now=snapshot.now,
        latest_known=_latest_known(),
        is_claimed=claimed.is_claimed,
        num_people=len(people.list_people(connection)),
        num_invitations=len(invitations.waiting(connection, now=snapshot.now)),
        is_clock_synchronised=is_synchronised(),
        is_transfer=claimed.is_transfer,
        ups=_ups() if snapshot.box else None,
        backups=overview_or_none() if claimed.is_claimed else None,
        # One that does not answer is waited for once.
        updates=update_room.overview_or_none() if snapshot.box else None,
        machine=appliance_or_none() if snapshot.box else None,
    )


def findings_now(snapshot: Snapshot) -> list[Finding]:
    """What the light says now."""
    return findings(facts_now(snapshot))


def _ups() -> UpsReport | None:
    client: PowerClient | None = current_app.extensions.get("atre.power")
    try:
        return client.describe().ups if client else None
    except EngineError:
        return None


def _latest_known() -> float | None:
    row = current.connection().execute("SELECT max(at) FROM audit").fetchone()
    return None if row[0] is None else float(row[0])
