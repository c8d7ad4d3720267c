# SPDX-License-Identifier: Apache-2.0
"""The models page. Every button is a form of its own, so that it works without JavaScript."""

import hashlib
from collections.abc import Callable

from flask import Response, jsonify, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

from atre.errors import AtreError, EngineError, InvalidRequestError, ModelProblem, ModelStoreError
from atre.ipc.model_messages import (
    ChangeModel,
    ImportableModel,
    ImportModel,
    PullModel,
    RemoveModel,
    VerifyModel,
)
from atre_web.models import view
from atre_web.models.blueprint import blueprint, box, running_model
from atre_web.models.problems import problem_words
from atre_web.models.progress import Shown
from atre_web.openai.errors import row_of
from atre_web.panel.wording import quoted

_LONGEST = 4096


@blueprint.get("/models")
def models() -> BaseResponse:
    """The page."""
    return _page()


@blueprint.get("/api/panel/models.json")
def live() -> Response:
    """What moves on the page, for the script that keeps it fresh."""
    signature, job, change = view.live(box().list(), box().catalogue(), running_model())
    return jsonify(version=_version(signature), job=_moving(job), change=_moving(change))


@blueprint.post("/models/pull")
def pull_from_page() -> BaseResponse:
    """Begin or go on fetching."""
    model = _field("model")
    return _done(model, lambda: box().pull(PullModel(model=model)))


@blueprint.post("/models/import")
def import_from_page() -> BaseResponse:
    """Begin copying from a medium."""
    path = _field("path")
    return _done(path.rpartition("/")[2], lambda: box().import_(ImportModel(path=path)))


@blueprint.post("/models/verify")
def verify_from_page() -> BaseResponse:
    """Begin reading a model again."""
    model = _field("model")
    return _done(model, lambda: box().verify(VerifyModel(model=model)))


@blueprint.post("/models/cancel")
def cancel_from_page() -> BaseResponse:
    """End what runs."""
    return _done("", box().cancel)


@blueprint.post("/models/use")
def use_from_page() -> BaseResponse:
    """Begin to answer with another model."""
    model = _field("model")
    return _done(model, lambda: box().change(ChangeModel(model=model)))


@blueprint.get("/models/remove")
def ask_before_removing() -> BaseResponse:
    """The page that asks whether to remove a model."""
    wanted = request.args.get("model", "")
    page = _view()
    row = next((row for row in page.stored if row.name == wanted and not row.is_factory), None)
    if row is None:
        return _page(problem_words(ModelProblem.UNKNOWN, wanted), 404)
    return make_response(render_template("model_remove.html", row=row))


@blueprint.post("/models/remove")
def remove_from_page() -> BaseResponse:
    """Remove a model."""
    model = _field("model")
    return _done(model, lambda: box().remove(RemoveModel(model=model)))


@blueprint.post("/models/forget-unfinished")
def forget_from_page() -> BaseResponse:
    """Throw away downloads that stopped."""
    return _done("", box().forget_unfinished)


def _field(name: str) -> str:
    return request.form.get(name, "")[:_LONGEST]


def _done(model: str, act: Callable[[], object]) -> BaseResponse:
    """Act, then show the page: anew where it worked, with what is wrong where it did not."""
    try:
        act()
    except ModelStoreError as error:
        return _page(problem_words(error.problem, model), row_of(error).status)
    except InvalidRequestError:
        return _page(problem_words(ModelProblem.UNKNOWN, model), 400)
    return redirect("/models", 303)


def _page(problem: str = "", status: int = 200) -> BaseResponse:
    try:
        page = _view()
    except ModelStoreError as error:  # a damaged manifest
        body = render_template(
            "models.html", page=None, problem=problem, detail=quoted(error.sentence)
        )
        return make_response(body, max(status, row_of(error).status))
    version = _version(page.signature)
    body = render_template("models.html", page=page, problem=problem, detail="", version=version)
    return make_response(body, status)


def _view() -> view.ModelsPage:
    """Raises ModelStoreError for a damaged manifest, EngineError while the daemon is down."""
    client = box()
    return view.models_page(client.list(), client.catalogue(), _importable(), running_model())


def _importable() -> list[ImportableModel]:
    """A medium that cannot be read must not take the page away."""
    try:
        return box().importable().models
    except EngineError:
        return []
    except AtreError:
        return []


def _moving(shown: Shown | None) -> dict[str, object] | None:
    if shown is None:
        return None
    return {"sentence": shown.sentence, "figures": shown.figures, "fraction": shown.fraction}


def _version(signature: str) -> str:
    return hashlib.sha256(signature.encode()).hexdigest()[:16]
