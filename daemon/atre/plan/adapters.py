# SPDX-License-Identifier: Apache-2.0
"""From what a box shall answer with to files: the model's, and those of the adapters on it."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec.structs import replace

from atre.engine_plan import Adapter, EnginePlan, with_words
from atre.errors import ModelLoadError, ModelStoreError
from atre.models.gguf_header import GgufHeader
from atre.models.lora import check_adapter, read_adapter
from atre.models.selection import Selection, read_selection
from atre.models.split import parts_of
from atre.models.store import Store
from atre.sentence import Sentence


class Found(msgspec.Struct, frozen=True):
    """The files of a selection; ``adapter_bytes`` of memory are needed beside the model's."""

    path: Path
    adapters: tuple[Adapter, ...] = ()
    adapter_bytes: int = 0


def find(asked: str, store: Store, *, n_ubatch: int) -> Found:
    """What ``asked`` stands for: a GGUF file, a stored model, or one with adapters.

    Raises ModelLoadError for what is not there, or adapters of another model.
    """
    file = Path(asked).expanduser()
    if file.exists() or file.parent != Path():
        return Found(file.resolve())
    try:
        selection = read_selection(asked)
        if not selection.adapters:
            return Found(_model_file(selection.model, store))
        store.check_can_answer(asked)
        return _with_adapters(selection, store, n_ubatch)
    except ModelStoreError as error:
        raise ModelLoadError(str(error), error.french) from error


def with_room(header: GgufHeader, found: Found) -> GgufHeader:
    """The model as it is with its adapters: their tensors lie beside those of its layers."""
    return replace(
        header,
        weights_bytes=header.weights_bytes + found.adapter_bytes,
        block_bytes=header.block_bytes + found.adapter_bytes,
    )


def with_adapters(plan: EnginePlan, adapters: Sequence[Adapter]) -> EnginePlan:
    """The plan that also loads these, and says so."""
    return replace(
        with_words(plan, reasons=[_acts(each) for each in adapters]), adapters=list(adapters)
    )


def _acts(adapter: Adapter) -> Sentence:
    name, scale = Path(adapter.path).stem, f"{adapter.scale:g}"
    return Sentence(
        f"The adapter {name} acts, times {scale}.",
        f"L’adaptateur {name} agit, multiplié par {scale}.",
    )


def _with_adapters(selection: Selection, store: Store, n_ubatch: int) -> Found:
    path = _model_file(selection.model, store)
    adapters, num_bytes = [], 0
    for applied in selection.adapters:
        file = store.path(applied.name)
        header = read_adapter(file)
        check_adapter(header, parts_of(path), selection.model)
        num_bytes += header.memory_bytes(n_ubatch)
        adapters.append(Adapter(path=str(file), scale=applied.scale))
    return Found(path, tuple(adapters), num_bytes)


def _model_file(model: str, store: Store) -> Path:
    name = model.removesuffix(".gguf")
    if store.has(name):
        return store.path(name)
    unmanaged = store.root / f"{name}.gguf"
    if not unmanaged.exists():
        raise ModelLoadError(
            f"There is no model {model!r}: neither a file of that name here nor a stored model. "
            "`atre model list` shows those; or give the path of a GGUF file.",
            f"Il n’y a pas de modèle {model!r} : ni fichier de ce nom ici, ni modèle installé. "
            "`atre model list` montre ceux-ci ; ou donnez le chemin d’un fichier GGUF.",
        )
    return unmanaged
