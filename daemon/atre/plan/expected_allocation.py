# SPDX-License-Identifier: Apache-2.0
from atre.allocation import Allocation
from atre.hardware.profiles import RunSettings
from atre.models.footprint import buffer_bytes, cache_bytes, layer_bytes
from atre.models.gguf_header import GgufHeader


def expected_allocation(header: GgufHeader, run: RunSettings, pool: int, layers: int) -> Allocation:
    """What llama.cpp would say, from above; with a GPU, whole buffers on both sides.

    With the model on both sides llama.cpp may read prompts on the GPU for the layers that are not
    there: it copies one layer after the other, and, if asked to choose, does without flash
    attention (llama-context.cpp, resolve_fused_ops).
    """
    n_ubatch = min(run.micro_batch_tokens, pool)
    is_divided = 0 < layers <= header.n_layer
    flash_attention = run.flash_attention == "on" or (
        run.flash_attention == "auto" and not is_divided
    )
    buffers = buffer_bytes(
        header,
        n_ctx=pool,
        n_ubatch=n_ubatch,
        num_slots=run.slots,
        flash_attention=flash_attention,
    )
    cells_bytes = cache_bytes(
        header,
        run.kv_type,
        n_ctx=pool,
        n_ubatch=n_ubatch,
        num_slots=run.slots,
        flash_attention=flash_attention,
    )
    copied_bytes = layer_bytes(header, run.kv_type, pool) if is_divided else 0
    return Allocation(
        cache_bytes=cells_bytes,
        host_buffer_bytes=buffers,
        device_buffer_bytes=buffers + copied_bytes if layers else 0,
    )
