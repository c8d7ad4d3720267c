# SPDX-License-Identifier: Apache-2.0
"""Stored, offered and unfinished models as people see them: facts joined with the catalogue."""

from pathlib import Path

from atre.ipc.model_messages import (
    JobKind,
    JobState,
    ModelJob,
    ModelLicence,
    OfferedModel,
    Openness,
    StoredModel,
    UnfinishedPull,
)
from atre.models.catalogue import Catalogue, CatalogueModel
from atre.models.manifest import Manifest, name_of_file
from atre.models.unfinished import unfinished
from atre.plan.recommend import memory_bytes

_HUB = "hub:"


def stored(manifest: Manifest, catalogue: Catalogue) -> StoredModel:
    """A stored model; what its file does not say comes from the catalogue, if it is of there."""
    facts, known = manifest.facts, _of_catalogue(_address(manifest), catalogue)
    licence_id = known.licence if known else (facts.licence or "").strip().lower()
    return StoredModel(
        name=manifest.name,
        title=known.title if known else facts.title or "",
        kind="embedding" if known and known.kind == "embedding" else facts.kind,
        base=manifest.base or "",
        size_bytes=manifest.size_bytes,
        added=manifest.added,
        source=manifest.source,
        origin=known.origin if known else "",
        licence=_licence(licence_id, catalogue),
        licence_id=licence_id,
        languages=list(known.languages) if known else [],
    )


def offered(model: CatalogueModel, catalogue: Catalogue, *, is_stored: bool) -> OfferedModel:
    """A model of the catalogue, with its licence in words."""
    licence = _licence(model.licence, catalogue)
    assert licence is not None, "load_catalogue checked it"  # noqa: S101
    return OfferedModel(
        id=model.id,
        title=model.title,
        kind=model.kind,
        origin=model.origin,
        licence=licence,
        openness=Openness(model.openness),
        languages=list(model.languages),
        memory_bytes=memory_bytes(model),
        size_bytes=model.weights_bytes,
        context_tokens=model.context_tokens,
        good_for=model.good_for,
        good_for_fr=model.good_for_fr,
        is_stored=is_stored,
    )


def unfinished_pulls(
    partial_dir: Path, catalogue: Catalogue, job: ModelJob | None
) -> list[UnfinishedPull]:
    """Downloads that stopped, but for the one that runs; each by what has to be pulled again."""
    pulls = job is not None and job.kind is JobKind.PULL and job.state is JobState.RUNNING
    running = job.model if job is not None and pulls else ""
    found: dict[str, UnfinishedPull] = {}
    for left in unfinished(partial_dir):
        known = _of_catalogue(left.address, catalogue)
        name = known.id if known else name_of_file(left.address.rpartition("/")[2])
        if name != running:
            found[name] = UnfinishedPull(
                model=known.id if known else left.address,
                done_bytes=left.done_bytes,
                size_bytes=left.size_bytes,
            )
    return list(found.values())


def _address(manifest: Manifest) -> str:
    """OWNER/REPOSITORY/FILE of a model from the hub, empty for an imported one."""
    if not manifest.source.startswith(_HUB):
        return ""
    return manifest.source.removeprefix(_HUB).rpartition("@")[0]


def _of_catalogue(address: str, catalogue: Catalogue) -> CatalogueModel | None:
    return next((each for each in catalogue.models if f"{each.repo}/{each.file}" == address), None)


def _licence(licence_id: str, catalogue: Catalogue) -> ModelLicence | None:
    found = catalogue.licences.get(licence_id)
    if found is None:
        return None
    return ModelLicence(
        title=found.title, url=found.url, summary=found.summary, summary_fr=found.summary_fr
    )
