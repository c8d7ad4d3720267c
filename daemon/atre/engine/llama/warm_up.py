# SPDX-License-Identifier: Apache-2.0
from atre.engine.kv_cache import Release
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.sequence import Chunk, Sequence
from atre.errors import DecodeError, ModelLoadError
from atre.ipc.messages import Sampling

_SEQUENCE_ID = 0  # the server numbers its own from 1


def warm_up(
    runner: LlamaRunner, model: LlamaModel, public_slot: int | None, public: list[int]
) -> None:
    """Compute one token, so that the first person does not wait for pages and graphs.

    What it reads are the public tokens, if there are any, which stay in their slot. Raises
    ModelLoadError if the model cannot compute.
    """
    tokens = public or model.tokenize("1", add_special=True)
    slot = 0 if public_slot is None else public_slot
    sequence = Sequence(
        id=_SEQUENCE_ID,
        tokens=tokens,
        num_prompt=len(tokens),
        max_tokens=1,
        sampling=Sampling(temperature=0.0),
    )
    sequence.admit(slot, 0)
    try:
        while sequence.num_uncomputed:
            chunk = Chunk(sequence, min(runner.n_batch, sequence.num_uncomputed))
            runner.run([chunk])
            sequence.num_computed += chunk.num_tokens
    except DecodeError as error:
        raise ModelLoadError(
            f"The model loads but computes nothing: {error}",
            f"Le modèle se charge mais ne calcule rien : {error.french}",
        ) from error
    if public_slot is None:
        runner.apply(Release(slot))
    runner.forget(sequence)
