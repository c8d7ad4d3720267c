# SPDX-License-Identifier: Apache-2.0
"""A manager gives the box a bundle from their own machine."""

from flask import request
from werkzeug.wrappers import Response

from atre.errors import AtreError
from atre.ipc.backup_replies import JobState
from atre.ipc.update_messages import SourceKind, UpdateSource
from atre.ipc.update_uploads import upload_path
from atre_web.accounts import current
from atre_web.body_limit import hear_out
from atre_web.panel.wording import gettext, said, size
from atre_web.updates.blueprint import blueprint, updates
from atre_web.updates.incoming import (
    ENVELOPE_BYTES,
    MOST_BYTES,
    NotReceivedError,
    check_room,
    receive,
)
from atre_web.updates.page import do, page

_STATUSES = {"length": 411, "long": 413, "room": 507, "busy": 409, "disk": 507}


@blueprint.post("/updates/upload")
def upload() -> Response:
    """Take the file, and have the box look at it."""
    problem = _why_not()
    if problem:
        hear_out()
        return page(409, problem=problem)
    target = upload_path(current.data_dir())
    try:
        check_room(request.content_length, current.data_dir())
        # The one route with a body longer than a question.
        request.max_content_length = MOST_BYTES + ENVELOPE_BYTES
        boundary = request.mimetype_params.get("boundary", "")
        receive(request.stream, boundary, request.content_length or 0, target)
    except NotReceivedError as error:
        hear_out()
        return page(_STATUSES.get(error.reason, 400), problem=_reasons()[error.reason])
    source = UpdateSource(kind=SourceKind.FILE, location=str(target))
    return do(lambda: updates().check(source), action="update.upload")


def _why_not() -> str:
    """Why no file is taken now, "" where one is. What is being put in must not be replaced."""
    try:
        overview = updates().describe()
    except AtreError as error:
        return said(error.sentence)
    if overview.absence:
        return said(overview.absence)
    if overview.job is not None and overview.job.state is JobState.RUNNING:
        return gettext("Attendez que le travail en cours se termine, puis renvoyez le fichier.")
    return ""


def _reasons() -> dict[str, str]:
    return {
        "length": gettext("Choisissez le fichier de la mise à jour, puis envoyez-le."),
        "long": gettext(
            "Ce fichier est trop long pour une mise à jour : %(most)s au plus.",
            most=size(MOST_BYTES),
        ),
        "room": gettext(
            "Il n’y a pas assez de place sur le disque du boîtier pour ce fichier. Supprimez des "
            "modèles qui ne servent plus, ou mettez le fichier sur un disque USB."
        ),
        "busy": gettext("Quelqu’un d’autre envoie déjà un fichier. Attendez qu’il ait fini."),
        "none": gettext("Choisissez le fichier de la mise à jour, puis envoyez-le."),
        "broken": gettext("Le fichier n’est pas arrivé en entier. Recommencez l’envoi."),
        "disk": gettext("Le boîtier n’a pas pu ranger ce fichier. Recommencez plus tard."),
    }
