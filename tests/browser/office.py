# SPDX-License-Identifier: Apache-2.0
"""An office at work: people, groups, keys and links on a box, so that no page is empty."""

import json
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

from atre.config import default_runtime_dir
from atre.ipc.power_basis import Basis
from atre.ipc.power_client import PowerClient
from atre.ipc.power_messages import PowerSettings, UpsSettings
from atre.plan.planning import factory_model_path
from atre.power.history import DAY_S, HOUR_S, Amount, PowerHistory
from atre_web.accounts import (
    groups,
    invitations,
    keys,
    passwords,
    people,
    presence,
    sessions,
)
from atre_web.accounts.database import connect, transaction
from atre_web.accounts.principal import Role

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

_TIMEOUT_S = 60
_NOBODYS = "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$" + "A" * 43
# As long as names get, and without a place to break.
_LONG = "Marie-Antoinette-Joséphine-de-La-Rochefoucauld-Montmorency-Âtre"


@dataclass(frozen=True)
class Office:
    """Where the office's panel is, and the ids and tokens of what it has, by name."""

    url: str
    database: Path
    places: dict[str, str] = field(default_factory=dict)
    _sessions: dict[Role, str] = field(default_factory=dict)

    def session(self, role: Role) -> str:
        """The cookie of the first manager's session, or of the first guest's."""
        if role not in self._sessions:
            with closing(connect(self.database)) as connection:
                who = next(each for each in people.list_people(connection) if each.role == role)
                self._sessions[role] = sessions.create(
                    connection, who.id, device="Firefox · Windows", now=time.time()
                )
        return self._sessions[role]

    def sign_in(self, context: "BrowserContext", role: Role) -> None:
        """Give a browser that cookie."""
        context.add_cookies([{"name": "atre", "value": self.session(role), "url": self.url}])


def move_in(url: str, database: Path) -> Office:
    """Fill a box that has a manager."""
    now = time.time()
    with closing(connect(database)) as connection:
        manager = next(each for each in people.list_people(connection) if each.role == "manager")
        group = groups.create(connection, "Comptabilité", now=now)
        groups.create(connection, _LONG, now=now)
        with transaction(connection):
            guest = people.create(connection, _LONG, "jo", "guest", password=_NOBODYS, now=now)
            for name in ("Luc", "Nadia"):
                person = people.create(
                    connection, name, name.lower(), "member", password=_NOBODYS, now=now
                )
            groups.join(connection, guest.id, [group.id])
        keys.create(connection, _LONG, now=now, person_id=manager.id)
        invitations.invite(connection, _LONG, "member", created_by=manager.id, now=now)
        _, invitation = invitations.invite(
            connection, "Anne", "member", created_by=manager.id, now=now
        )
        _, reset = invitations.reset(connection, person, created_by=manager.id, now=now)
        places = {"person": guest.id, "invitation": invitation, "reset": reset}
    _import_model(database.parent)
    return Office(url, database, places)


def _import_model(data_dir: Path) -> None:
    """Store a model beside the factory's, as the command for it does."""
    # fmt: off
    command = [
        str(Path(sys.executable).with_name("atre")), "model", "import", str(factory_model_path()),
        "--name", "relecture", "--data-dir", str(data_dir),
    ]
    # fmt: on
    subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT_S)


def power_up(data_dir: Path, nut_port: int) -> None:
    """Let the box be metered by a UPS, and remember a month of watts."""
    history = PowerHistory(data_dir / "power.db")
    now_s = time.time()
    hours = [(now_s - back * HOUR_S, 55.0 + 40.0 * (9 <= back <= 17)) for back in range(24)]
    days = [(now_s - back * DAY_S, 60.0 + back % 7 * 5.0) for back in range(2, 31)]
    for lasted_s, moments in ((HOUR_S, hours), (DAY_S, days)):
        for at_s, power_w in moments:
            amount = Amount(
                basis=Basis.ESTIMATE,
                energy_j=power_w * lasted_s,
                idle_j=50.0 * lasted_s,
                covered_s=0.95 * lasted_s,
                expected_s=lasted_s,
            )
            history.add(at_s, [amount])
    history.close()
    ups = UpsSettings(name="office", address=f"127.0.0.1:{nut_port}")
    settings = PowerSettings(
        tariff="ca-quebec-d", co2_g_kwh=34.5, co2_source="Bureau de l’énergie", ups=ups
    )
    PowerClient(default_runtime_dir(data_dir) / "atred.sock").set(settings)


def ask(url: str, key: str) -> None:
    """Have one short answer written, so that its energy is known."""
    body = {"prompt": "Bonjour", "max_tokens": 30}
    request = Request(  # noqa: S310 -- http on loopback
        f"{url}v1/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        answer.read()


def add_manager(database: Path, password: str = "") -> None:
    """Make a box Marie's without its claim page; without a password nobody can type hers."""
    stored = passwords.hashed(password) if password else _NOBODYS
    with closing(connect(database)) as connection, transaction(connection):
        people.create(connection, "Marie", "marie", "manager", password=stored, now=time.time())
        connection.execute("UPDATE claim SET code = NULL, claimed_at = ?", (time.time(),))


def tell_of_presence(database: Path) -> None:
    """Somebody at the box chose a new password: every page of that panel says so."""
    notice = presence.Notice(at=time.time(), name=_LONG, means="usb_stick")
    with closing(connect(database)) as connection:
        presence.note(connection, notice)
