# SPDX-License-Identifier: Apache-2.0
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.runner import LlamaRunner
from atre.engine.sequence import Chunk, Sequence
from atre.errors import DecodeError, ModelLoadError
from atre.ipc.messages import Sampling

_SEQUENCE_ID = 0  # the server numbers its own from 1


def warm_up(runner: LlamaRunner, model: LlamaModel) -> None:
    """Compute one token, so that the first person does not wait for pages and graphs.

    Raises ModelLoadError if the model cannot produce it.
    """
    tokens = model.tokenize("1", add_special=True)
    sequence = Sequence(
        id=_SEQUENCE_ID,
        tokens=tokens,
        num_prompt=len(tokens),
        max_tokens=1,
        sampling=Sampling(temperature=0.0),
        slot=0,
    )
    try:
        runner.run([Chunk(sequence, len(tokens))])
    except DecodeError as error:
        raise ModelLoadError(f"The model loads but computes nothing: {error}") from error
    runner.release_slot(0)
    runner.forget(sequence)
