# SPDX-License-Identifier: Apache-2.0
"""What a manager has the box do now, and when it does so by itself."""

import msgspec
from msgspec.structs import replace
from werkzeug.wrappers import Response

from atre.ipc.backup_messages import (
    BackupOrder,
    CreateBackup,
    DrillBackup,
    ThinBackup,
    VerifyBackup,
)
from atre.ipc.backup_replies import BackupPolicy
from atre_web.backups.blueprint import backups, blueprint
from atre_web.backups.page import do, page
from atre_web.panel.form import field, number
from atre_web.panel.wording import gettext

_NUMBERS = ("hour", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "drill_every_days")


@blueprint.post("/backups/create")
def create() -> Response:
    """Back up now."""
    return _start(CreateBackup(target=field("target")), "backup.create")


@blueprint.post("/backups/verify")
def verify() -> Response:
    """Read everything that lies at a place again."""
    return _start(VerifyBackup(target=field("target"), is_whole=True), "backup.verify")


@blueprint.post("/backups/drill")
def drill() -> Response:
    """Bring the newest backup back beside the box, as proof."""
    return _start(DrillBackup(target=field("target")), "backup.drill")


@blueprint.post("/backups/thin")
def thin() -> Response:
    """Let old backups go now."""
    return _start(ThinBackup(target=field("target")), "backup.thin")


@blueprint.post("/backups/cancel")
def cancel() -> Response:
    """End what runs."""
    return do(backups().cancel, action="backup.cancel")


@blueprint.post("/backups/policy")
def set_policy() -> Response:
    """Say when backups run and how many stay."""
    policy = _policy(backups().describe().policy)
    if policy is None:
        problem = gettext(
            "Une de ces valeurs ne convient pas : l’heure va de 0 à 23, les nombres de 0 à 1000, "
            "l’épreuve de 0 à 365 jours, et l’on prévient après 1 à 365 jours."
        )
        return page(400, problem=problem)
    return do(lambda: backups().set_policy(policy), action="backup.policy", done="saved")


def _policy(before: BackupPolicy) -> BackupPolicy | None:
    values = {name: number(name) for name in _NUMBERS}
    if None in values.values():
        return None
    values["warn_after_days"] = number("warn_after_days")
    asked = replace(
        before, is_on=field("is_on") == "yes", with_models=field("with_models") == "yes", **values
    )
    try:
        return msgspec.convert(msgspec.to_builtins(asked), BackupPolicy)
    except msgspec.ValidationError:
        return None


def _start(order: BackupOrder, action: str) -> Response:
    return do(lambda: backups().start(order), action=action, subject=order.target)
