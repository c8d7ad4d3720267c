# SPDX-License-Identifier: Apache-2.0
"""The status page's figures, in words and numbers of the reader's language; — where unknown."""

from collections.abc import Iterable

from atre.ipc.messages import (
    BoxDescription,
    CertificateSource,
    DiscoveryState,
    EmbedderDescription,
    EngineDescription,
)
from atre.sentence import Sentence
from atre_web.office.finding_words import words
from atre_web.office.findings import Finding
from atre_web.panel.snapshot import UNKNOWN, Snapshot
from atre_web.panel.wording import (
    date,
    decimal,
    duration,
    gettext,
    is_french,
    ngettext,
    percent,
    said,
)

_MEGABYTE = 1_000_000
_MILLION = 1_000_000


def fields(snapshot: Snapshot) -> dict[str, str]:
    """Every figure of the status page by the name that the page gives it."""
    shown = {"state": _state(snapshot), "people": decimal(snapshot.num_people)}
    shown |= _engine_fields(snapshot.engine, snapshot.now) | box_fields(snapshot.box)
    return shown | (_embedder_fields(snapshot) if snapshot.has_embedder else {})


def issues(found: Iterable[Finding]) -> list[str]:
    """What somebody should look at, in sentences; empty when all is well."""
    return [words(each).sentence for each in found if each.level != "advice"]


def _state(snapshot: Snapshot) -> str:
    if snapshot.engine is None:
        return gettext("Pas de modèle prêt")
    if snapshot.engine.waking is not None:
        return gettext("Le modèle se réveille : %(n)s", n=percent(snapshot.engine.waking))
    if snapshot.engine.asleep_since is not None:
        slept_s = snapshot.now - snapshot.engine.asleep_since
        return gettext(
            "Modèle endormi depuis %(time)s ; la prochaine question le réveille",
            time=duration(slept_s),
        )
    if snapshot.engine.num_running:
        return gettext("En train de répondre")
    return gettext("Prêt")


def _engine_fields(engine: EngineDescription | None, now: float) -> dict[str, str]:
    if engine is None:
        return dict.fromkeys(_ENGINE_FIELDS, UNKNOWN)
    return {
        "model": engine.name or engine.model or UNKNOWN,
        "model_id": engine.model or UNKNOWN,
        "description": _format(engine.description),
        "licence": engine.licence or UNKNOWN,
        "size": _size(engine),
        "adapters": _adapters(engine),
        "context": gettext("%(n)s jetons", n=decimal(engine.n_ctx)),
        "device": _device(engine.device),
        "threads": _count(engine.threads),
        "running": decimal(engine.num_running),
        "waiting": decimal(engine.num_waiting),
        "decode": _speed(engine.decode_tokens_per_s),
        "prefill": _speed(engine.prefill_tokens_per_s),
        "expected": engine.speed.words(french=is_french()),
        "expected_why": said(Sentence(engine.speed.why, engine.speed.why_fr)) or UNKNOWN,
        "memory": _memory(engine),
        "uptime": duration(now - engine.started_at),
        "answers": decimal(engine.requests_total),
    }


_ENGINE_FIELDS = (
    "model", "model_id", "description", "licence", "size", "adapters", "context", "device",
    "threads", "running", "waiting", "decode", "prefill", "expected", "expected_why", "memory",
    "uptime", "answers",
)  # fmt: skip


def _embedder_fields(snapshot: Snapshot) -> dict[str, str]:
    embedder = snapshot.embedder
    if embedder is None:
        return dict.fromkeys(_EMBEDDER_FIELDS, UNKNOWN) | {
            "embedder_state": gettext("Indisponible"),
            "embedder_problem": said(snapshot.embedder_problem),
        }
    return {
        "embedder_state": _embedder_state(embedder),
        "embedder_problem": "",
        "embedder": embedder.name or embedder.model or UNKNOWN,
        "embedder_id": embedder.model or UNKNOWN,
        "dimensions": decimal(embedder.dimensions),
        "input_window": gettext("%(n)s jetons", n=decimal(embedder.max_input_tokens)),
        "inputs": decimal(embedder.inputs_total),
    }


_EMBEDDER_FIELDS = ("embedder", "embedder_id", "dimensions", "input_window", "inputs")


def _embedder_state(embedder: EmbedderDescription) -> str:
    return gettext("En train de calculer") if embedder.num_open else gettext("Prêt")


def box_fields(box: BoxDescription | None) -> dict[str, str]:
    """The figures of the box itself."""
    if box is None:
        return dict.fromkeys(_BOX_FIELDS, UNKNOWN)
    return {
        "profile": said(Sentence(box.profile, box.profile_fr)) or UNKNOWN,
        "profile_reason": said(Sentence(box.profile_reason, box.profile_reason_fr)),
        "mdns_name": box.mdns_name or UNKNOWN,
        "discovery": _discovery(box),
        "detail": said(Sentence(box.detail, box.detail_fr)),
        "fingerprint": grouped(box.certificate_sha256),
        "authority": grouped(box.authority_sha256),
        "certificate": _certificate(box),
        "version": box.version or UNKNOWN,
    }


_BOX_FIELDS = (
    "profile", "profile_reason", "mdns_name", "discovery", "detail", "fingerprint", "authority",
    "certificate", "version",
)  # fmt: skip


def _format(description: str) -> str:
    # llama.cpp writes "?B" for a size that it has no name for; the size has its own line.
    return description.replace(" ?B", "") or UNKNOWN


def _device(device: str) -> str:
    return gettext("Processeur") if device.lower() == "cpu" else device or UNKNOWN


def _size(engine: EngineDescription) -> str:
    if engine.num_parameters <= 0 or engine.size_bytes <= 0:
        return UNKNOWN
    millions = engine.num_parameters / _MILLION
    return ngettext(
        "%(parameters)s million de paramètres, %(megabytes)s Mo",
        "%(parameters)s millions de paramètres, %(megabytes)s Mo",
        millions,
        parameters=decimal(millions),
        megabytes=decimal(engine.size_bytes / _MEGABYTE),
    )


def _adapters(engine: EngineDescription) -> str:
    shown = [
        each.name if each.scale == 1.0 else f"{each.name} × {decimal(each.scale)}"
        for each in engine.adapters
    ]
    return ", ".join(shown) or gettext("Aucun")


def _count(value: int) -> str:
    return decimal(value) if value > 0 else UNKNOWN


def _speed(tokens_per_s: float) -> str:
    # The engine reports a mean of the last minute: 0 means that nothing was measured.
    if tokens_per_s <= 0:
        return UNKNOWN
    return gettext("%(n)s jetons/s", n=decimal(tokens_per_s))


def _memory(engine: EngineDescription) -> str:
    if engine.kv_cells_total <= 0:
        return UNKNOWN
    return percent(engine.kv_cells_used / engine.kv_cells_total)


def _discovery(box: BoxDescription) -> str:
    if box.discovery is DiscoveryState.ANNOUNCED:
        return gettext("Annoncée sur le réseau local")
    if box.discovery is DiscoveryState.PROBING:
        return gettext("Recherche d’un nom libre…")
    if box.discovery is DiscoveryState.OFF:
        return gettext("Désactivée")
    return gettext("Indisponible")


def _certificate(box: BoxDescription) -> str:
    if box.certificate_ends_at is None:
        return UNKNOWN
    end = date(box.certificate_ends_at)
    if box.certificate_source is CertificateSource.IMPORTED:
        return gettext("Importé, valable jusqu’au %(end)s", end=end)
    return gettext("Du boîtier, renouvelé avant le %(end)s", end=end)


def grouped(sha256: str | None) -> str:
    """A fingerprint in groups of four digits, which people can compare."""
    if not sha256:
        return UNKNOWN
    digits = sha256.replace(":", "").upper()
    return " ".join(digits[i : i + 4] for i in range(0, len(digits), 4))
