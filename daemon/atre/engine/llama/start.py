# SPDX-License-Identifier: Apache-2.0
import logging
from collections.abc import Callable

from msgspec.structs import replace

from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import ModelLoadError
from atre.sentence import Sentence

_log = logging.getLogger(__name__)

_PADDING = 256  # llama.cpp rounds n_ctx up to this

# In what llama.cpp and its backends say when memory ran out (llama-model.cpp, ggml-backend.cpp).
_MEMORY_WORDS = ("alloc", "out of memory", "not enough memory", "cannot allocate")

Load = Callable[[EnginePlan], LlamaModel]
Start = Callable[[LlamaModel, EnginePlan, Snapshots], LlamaRunner]


def load_model(plan: EnginePlan, load: Load) -> tuple[LlamaModel, EnginePlan, list[Sentence]]:
    """The model, the plan that it was loaded by, and what somebody should know of the difference.

    Weights take the same memory whatever the context is, so that a GPU's memory which does not
    hold them is tried once more with half of the layers. Raises ModelLoadError if that fails too,
    or if it was not memory that failed.
    """
    try:
        return load(plan), plan, []
    except ModelLoadError as error:
        reason = str(error).lower()
        if not plan.n_gpu_layers or not any(words in reason for words in _MEMORY_WORDS):
            raise
        _log.warning("%s Trying again with half of the layers on the GPU.", error)
        less = replace(plan, n_gpu_layers=plan.n_gpu_layers // 2)
        issue = Sentence(
            f"{less.n_gpu_layers} layers are on the GPU instead of {plan.n_gpu_layers}, which its "
            f"memory did not hold, so that answers are slower. {error} Free its memory, or use a "
            "smaller model, and start the box again.",
            f"{less.n_gpu_layers} couches sont sur le GPU au lieu de {plan.n_gpu_layers}, que sa "
            f"mémoire n’a pas pu contenir\N{NO-BREAK SPACE}: les réponses sont plus lentes. "
            f"{error} Libérez sa mémoire, ou prenez un modèle plus petit, et redémarrez le "
            "boîtier.",
        )
        return load(less), less, [issue]


def start_runner(
    model: LlamaModel, plan: EnginePlan, snapshots: Snapshots, start: Start = LlamaRunner
) -> tuple[LlamaRunner, EnginePlan, list[Sentence]]:
    """The runner, the plan that it really runs, and what somebody should know of the difference.

    Memory may have gone since the plan was made: a start that fails is tried once more with half of
    the context. Raises ModelLoadError if that fails too.
    """
    try:
        return start(model, plan, snapshots), plan, []
    except ModelLoadError as error:
        if plan.n_ctx < 2 * _PADDING:
            raise
        _log.warning("%s Trying again with half of the context.", error)
        less = _halved(plan)
        issue = Sentence(
            f"The context has {less.n_ctx} tokens instead of {plan.n_ctx}, with which the model "
            f"did not start. {error} Free memory, or use a smaller model, and start the box again.",
            f"Le contexte a {less.n_ctx} jetons au lieu de {plan.n_ctx}, avec lesquels le modèle "
            f"n’a pas démarré. {error} Libérez de la mémoire, ou prenez un modèle plus petit, et "
            "redémarrez le boîtier.",
        )
        return start(model, less, snapshots), less, [issue]


def _halved(plan: EnginePlan) -> EnginePlan:
    cells = plan.n_ctx // 2 // _PADDING * _PADDING
    n_batch = min(plan.n_batch, cells)
    return replace(
        plan,
        n_ctx=cells,
        max_sequence_tokens=min(plan.max_sequence_tokens, cells),
        n_batch=n_batch,
        n_ubatch=min(plan.n_ubatch, n_batch),
    )
