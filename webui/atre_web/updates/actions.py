# SPDX-License-Identifier: Apache-2.0
"""What a manager has the box do about updates.

A form says what its page showed: the version, the job or the offer. Where another manager was
quicker, nothing is done.
"""

import msgspec
from msgspec.structs import replace
from werkzeug.wrappers import Response

from atre.errors import AtreError
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.ipc.update_replies import UpdateOverview, UpdatePolicy
from atre_web.panel.form import field, number
from atre_web.panel.wording import gettext
from atre_web.updates.blueprint import blueprint, overview_or_none, updates
from atre_web.updates.page import changed, do, page
from atre_web.updates.view import is_offered

# A file is looked at when it was sent; an address is given on the box's console.
_LOOKS = {"usb": SourceKind.USB, "channel": SourceKind.CHANNEL}


@blueprint.post("/updates/check")
def check() -> Response:
    """Look on the disks that are plugged in, or ask the channel."""
    kind = _LOOKS.get(field("source"))
    if kind is None:
        return page(400, problem=gettext("Choisissez d’abord où chercher."))
    return do(lambda: updates().check(UpdateSource(kind=kind)), action="update.check", subject=kind)


@blueprint.post("/updates/install")
def install() -> Response:
    """Put in what was found."""
    version, source, location = field("version"), field("source"), field("location")
    overview = overview_or_none()
    if overview is None:
        return page()
    if not is_offered(overview, version, source, location):
        return changed()
    wanted = UpdateSource(kind=SourceKind(source), location=location)
    at_hour = field("when") == "hour"
    return do(
        lambda: updates().install(wanted, at_hour=at_hour),
        action="update.install",
        subject=version[:64],
    )


@blueprint.post("/updates/cancel")
def cancel() -> Response:
    """End what runs, or give up the restart that waits."""
    if not _is_job(overview_or_none()):
        return changed()
    return do(updates().cancel, action="update.cancel", done="cancelled")


@blueprint.post("/updates/restart")
def restart() -> Response:
    """Start the version that waits for its hour."""
    if not _is_job(overview_or_none()):
        return changed()
    return do(updates().restart, action="update.restart")


@blueprint.post("/updates/confirm")
def confirm() -> Response:
    """Keep the version on trial by a person's word."""
    overview = overview_or_none()
    trial = overview.trial if overview else None
    if trial is None or trial.version != field("version"):
        return changed()
    return do(updates().confirm, action="update.confirm", done="kept", subject=trial.version[:64])


@blueprint.post("/updates/back")
def go_back() -> Response:
    """Start the previous version."""
    overview = overview_or_none()
    back = overview.go_back if overview else None
    if back is None or back.refusal is not None or back.version != field("version"):
        return changed()
    if field("sure") != "yes":
        problem = gettext("Rien n’a changé. Cochez d’abord que vous avez lu ce qui se passe.")
        return page(400, problem=problem)
    return do(
        updates().go_back,
        action="update.back",
        done="back",
        subject=back.version[:64],
        is_restarting=True,
    )


@blueprint.post("/updates/policy")
def set_policy() -> Response:
    """Say what the box may ask and when it starts a new version."""
    try:
        before = updates().describe().policy
    except AtreError:
        return page(503)
    policy = _policy(before)
    if policy is None:
        return page(400, problem=gettext("L’heure va de 0 à 23."))
    return do(lambda: updates().set_policy(policy), action="update.policy", done="saved")


def _policy(before: UpdatePolicy) -> UpdatePolicy | None:
    asked = replace(
        before,
        asks_channel=field("asks_channel") == "yes",
        installs_itself=field("installs_itself") == "yes",
        hour=number("hour"),
        backup_target=field("backup_target") or None,
    )
    try:
        return msgspec.convert(msgspec.to_builtins(asked), UpdatePolicy)
    except msgspec.ValidationError:
        return None


def _is_job(overview: UpdateOverview | None) -> bool:
    """Whether the job of the form is the one that the box has now."""
    job = overview.job if overview else None
    return job is not None and job.id == field("job")
