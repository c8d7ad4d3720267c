# SPDX-License-Identifier: Apache-2.0
"""LoRA adapters in GGUF, and whether one belongs to a base model.

The rules are those of llama.cpp's llama_adapter_lora_init (llama-adapter.cpp), applied before the
adapter is kept instead of when it is loaded.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from atre.errors import ModelLoadError
from atre.models.gguf_file import GgufFile, TensorInfo, open_gguf, text
from atre.sentence import Sentence

_A, _B = ".lora_a", ".lora_b"
_FLOAT_BYTES = 4
# Of an adapter that waits for these tokens of the prompt before it acts (llama-arch.cpp).
_INVOCATION = "adapter.alora.invocation_tokens"
_EMBEDDINGS = "token_embd.weight"  # llama.cpp keeps its pair the other way round

Shape = tuple[int, ...]


class AdapterHeader(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter; ``pairs`` gives the shapes of A and B for each tensor of the base model.

    Its tensors have ``weights_bytes``; llama.cpp keeps them as they are in the file.
    """

    path: str
    architecture: str
    name: str | None
    licence: str | None
    pairs: dict[str, tuple[Shape, Shape]]
    weights_bytes: int

    def memory_bytes(self, n_ubatch: int) -> int:
        """What it takes beside its base, from above.

        For each pair llama.cpp computes A·x, B·(A·x) and the same scaled, for a micro-batch, and
        uses that memory again for the next (build_lora_mm in llama-graph.cpp).
        """
        rows = max(a[-1] + b[0] + 2 * max(a[0], b[1]) for a, b in self.pairs.values())
        return self.weights_bytes + n_ubatch * rows * _FLOAT_BYTES


def kind_of(file: GgufFile) -> str:
    """``model``, ``adapter`` or whatever else the file says it is."""
    return text(file.metadata, "general.type") or "model"


def read_adapter(path: Path) -> AdapterHeader:
    """Raises ModelLoadError for a file that is no whole LoRA adapter."""
    with open_gguf(path) as file:
        if kind_of(file) != "adapter" or text(file.metadata, "adapter.type") != "lora":
            raise ModelLoadError(
                f"{path} is not a LoRA adapter. Choose one made for llama.cpp.",
                f"{path} n’est pas un adaptateur LoRA. Choisissez-en un fait pour llama.cpp.",
            )
        if _INVOCATION in file.metadata:
            raise ModelLoadError(
                f"{path} is an activated LoRA (aLoRA), which acts only after certain words of a "
                "prompt; this box applies adapters to whole answers. Choose a plain LoRA.",
                f"{path} est un LoRA activé (aLoRA), qui n’agit qu’après certains mots de la "
                "demande\N{NO-BREAK SPACE}; ce boîtier applique les adaptateurs à toute la "
                "réponse. Choisissez un LoRA simple.",
            )
        architecture = file.architecture()
        tensors = _tensors(file)
        return AdapterHeader(
            path=str(path),
            architecture=architecture,
            name=text(file.metadata, "general.name"),
            licence=text(file.metadata, "general.license"),
            pairs=_pairs(path, {tensor.name: tensor.shape for tensor in tensors}),
            weights_bytes=sum(tensor.num_bytes for tensor in tensors),
        )


def check_adapter(adapter: AdapterHeader, base: Sequence[Path], base_name: str) -> None:
    """Raises ModelLoadError, saying what differs, unless the adapter was made for this model."""
    shapes: dict[str, Shape] = {}
    for part in base:
        with open_gguf(part) as file:
            if "general.architecture" in file.metadata:
                _check_architecture(adapter, file.architecture(), base_name)
            shapes |= {tensor.name: tensor.shape for tensor in _tensors(file)}
    for name, (a, b) in adapter.pairs.items():
        if name not in shapes:
            raise _other_base(
                adapter,
                base_name,
                Sentence(
                    f"{base_name} has no tensor {name}", f"{base_name} n’a pas de tenseur {name}"
                ),
            )
        rows = (b[1], a[1]) if name == _EMBEDDINGS else (a[0], b[1])
        if rows != shapes[name][:2]:
            raise _other_base(
                adapter,
                base_name,
                Sentence(
                    f"{name} is {shapes[name][:2]} there and {rows} in the adapter",
                    f"{name} fait {shapes[name][:2]} là-bas et {rows} dans l’adaptateur",
                ),
            )


def _check_architecture(adapter: AdapterHeader, architecture: str, base_name: str) -> None:
    if architecture != adapter.architecture:
        raise _other_base(
            adapter,
            base_name,
            Sentence(
                f"it is made for {adapter.architecture}, not {architecture}",
                f"il est fait pour {adapter.architecture}, et non pour {architecture}",
            ),
        )


def _other_base(adapter: AdapterHeader, base_name: str, why: Sentence) -> ModelLoadError:
    return ModelLoadError(
        f"{adapter.path} belongs to another base model than {base_name}: {why.text}. Name the "
        "model that it was trained on with --base.",
        f"{adapter.path} va avec un autre modèle de base que {base_name}\N{NO-BREAK SPACE}: "
        f"{why.text_fr}. Nommez avec --base le modèle sur lequel il a été entraîné.",
    )


def _tensors(file: GgufFile) -> list[TensorInfo]:
    tensors = list(file.tensors())
    file.check_whole(max((tensor.offset + tensor.num_bytes for tensor in tensors), default=0))
    return tensors


def _pairs(path: Path, shapes: dict[str, Shape]) -> dict[str, tuple[Shape, Shape]]:
    names = {name.removesuffix(_A).removesuffix(_B) for name in shapes if name.endswith((_A, _B))}
    pairs = {}
    for name in sorted(names):
        a, b = shapes.get(name + _A), shapes.get(name + _B)
        if a is None or b is None or len(a) < 2 or len(b) < 2:  # noqa: PLR2004
            raise ModelLoadError(
                f"{path} is damaged: of {name} only one half of the pair is there. Copy or "
                "download it again.",
                f"{path} est abîmé\N{NO-BREAK SPACE}: de {name}, il n’y a qu’une moitié de la "
                "paire. Copiez-le ou téléchargez-le de nouveau.",
            )
        if name != _EMBEDDINGS and a[1] != b[0]:
            raise ModelLoadError(
                f"{path} cannot be used: the halves of {name} do not fit together. Convert the "
                "adapter again with llama.cpp's convert_lora_to_gguf.py.",
                f"{path} ne peut pas servir\N{NO-BREAK SPACE}: les deux moitiés de {name} ne vont "
                "pas ensemble. Convertissez l’adaptateur de nouveau avec convert_lora_to_gguf.py "
                "de llama.cpp.",
            )
        pairs[name] = (a, b)
    if not pairs:
        raise ModelLoadError(
            f"{path} holds no LoRA tensors. Choose another adapter.",
            f"{path} ne contient aucun tenseur LoRA. Choisissez un autre adaptateur.",
        )
    return pairs
