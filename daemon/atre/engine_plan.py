# SPDX-License-Identifier: Apache-2.0
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from atre.errors import ConfigError
from atre.sentence import Sentence
from atre.speed_figure import SpeedFigure

# llama.cpp's LLAMA_MAX_SEQ is 256; past 64 streams no machine of this class has anything to share.
MAX_SLOTS = 64

_MAX_SEQUENCES = 256  # LLAMA_MAX_SEQ
_RESIDENTS_PER_STREAM = 3  # sequences that ended and may be continued, for each that can run

KvType = Literal["f16", "q8_0"]


def count_sequences(num_slots: int, *, has_plain_memory: bool) -> int:
    """Sequences that llama.cpp is told of (n_seq_max): those that run and those that ended.

    A recurrent state is allocated for each of them, used or not, and a window takes cells for each:
    there, nothing of ended ones stays.
    """
    num_residents = _RESIDENTS_PER_STREAM if has_plain_memory else 0
    return min(_MAX_SEQUENCES, num_slots * (1 + num_residents))


class Adapter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A LoRA adapter's file; what it adds to the model is multiplied by ``scale``."""

    path: str
    scale: float = 1.0


class EnginePlan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the engine loads one model on this machine.

    ``n_ctx`` counts KV cells of the one pool that all sequences share; ``max_sequence_tokens`` is
    the window that one request may use; ``num_slots`` sequences run at the same time.
    ``flash_attention`` None leaves the choice to llama.cpp, and so does ``device``, which otherwise
    is llama.cpp's name of the one that computes. A cell takes ``cell_bytes``; what ended answers
    held may take ``snapshot_bytes`` of RAM beside the pool. The ``adapters`` act on every token of
    the process: nothing that is reused was computed with others. Requests call the model ``name``,
    or by its file if that is empty. ``reasons`` holds one English sentence a decision, ``issues``
    what somebody should mend; both also in French, in the same order. ``speed`` is what one reader
    may expect. Raises ConfigError if the numbers disagree.
    """

    model_path: str
    name: str = ""
    n_ctx: int
    max_sequence_tokens: int
    num_slots: int
    n_batch: int
    n_ubatch: int
    threads: int
    threads_batch: int
    cell_bytes: int
    snapshot_bytes: int = 0
    n_gpu_layers: int = 0
    device: str | None = None
    kv_type: KvType = "f16"
    flash_attention: bool | None = None
    adapters: list[Adapter] = []
    reasons: list[str] = []
    issues: list[str] = []
    reasons_fr: list[str] = []
    issues_fr: list[str] = []
    speed: SpeedFigure = SpeedFigure()

    def __post_init__(self) -> None:
        for rule, kept in (
            (f"num_slots must be between 1 and {MAX_SLOTS}", 1 <= self.num_slots <= MAX_SLOTS),
            ("threads and threads_batch must be 1 or more", self.threads and self.threads_batch),
            ("n_batch must hold one token of every slot", self.n_batch >= self.num_slots),
            ("n_ubatch must be between 1 and n_batch", 1 <= self.n_ubatch <= self.n_batch),
            ("max_sequence_tokens must fit in n_ctx", 1 <= self.max_sequence_tokens <= self.n_ctx),
            ("n_gpu_layers must be 0 or more", self.n_gpu_layers >= 0),
            ("cell_bytes must be 1 or more", self.cell_bytes >= 1),
            ("reasons must be in both languages", len(self.reasons) == len(self.reasons_fr)),
            ("issues must be in both languages", len(self.issues) == len(self.issues_fr)),
            ("snapshot_bytes must be 0 or more", self.snapshot_bytes >= 0),
        ):
            if not kept:
                raise ConfigError(f"The engine plan is contradictory: {rule}, but it says {self}.")


def with_words(
    plan: EnginePlan, reasons: Sequence[Sentence] = (), issues: Sequence[Sentence] = ()
) -> EnginePlan:
    """The plan with more reasons at its end and more issues before its own."""
    return replace(
        plan,
        reasons=[*plan.reasons, *(each.text for each in reasons)],
        reasons_fr=[*plan.reasons_fr, *(each.text_fr for each in reasons)],
        issues=[*(each.text for each in issues), *plan.issues],
        issues_fr=[*(each.text_fr for each in issues), *plan.issues_fr],
    )
