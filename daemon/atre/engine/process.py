# SPDX-License-Identifier: Apache-2.0
import os
import sys
import time
from functools import partial
from pathlib import Path

import click
import msgspec

from atre import config as configuration
from atre import model_process
from atre.engine.chat_template import PLAIN_TEMPLATE, ChatTemplate
from atre.engine.engine import Engine
from atre.engine.formats.family import Format, detect
from atre.engine.kv_cache import KVCache
from atre.engine.llama.constraint import is_accepted
from atre.engine.llama.model import LlamaModel
from atre.engine.llama.start import load_model, start_runner
from atre.engine.llama.warm_up import warm_up
from atre.engine.pace import MAX_DRAFT
from atre.engine.prefix_cache import PrefixCache
from atre.engine.prompt import public_prefix
from atre.engine.serving import EngineServer, Loaded
from atre.engine.snapshot_cache import SnapshotCache
from atre.engine.snapshots import Snapshots
from atre.engine_plan import EnginePlan
from atre.errors import EngineUnavailableError, ModelLoadError
from atre.ipc.intake import Intake
from atre.ipc.messages import AppliedAdapter, EngineDescription
from atre.sentence import Sentence
from atre.system.notify import LOADED_FRACTION, notify

# After a native call Python waits this long for a busy thread to hand over the interpreter: the
# default of 5 ms would be added to every step while a prompt is being tokenised.
_SWITCH_INTERVAL_S = 0.0005
_NO_MODEL = ("No model was chosen.", "Aucun modèle n’est choisi.")


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), required=True)
@click.option("--plan", "plan_path", type=click.Path(path_type=Path))
@model_process.no_model_option
@click.option("--socket", "socket_path", type=click.Path(path_type=Path))
@click.option("--lifeline", is_flag=True, help="End when standard input closes.")
def main(
    config_path: Path,
    plan_path: Path | None,
    no_model_reason: tuple[str, str] | None,
    socket_path: Path | None,
    *,
    lifeline: bool,
) -> None:
    """Run the inference engine on its socket, or else on the box's address for it."""
    model_process.begin("atre-engine", lifeline=lifeline)
    # Where gdb is installed an abort in ggml would start it, and delay the next start by seconds.
    os.environ["GGML_NO_BACKTRACE"] = "1"
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    config = configuration.load(config_path)
    server = EngineServer(socket_path or config.engine_socket, Intake(config.runtime_dir))

    def serve() -> None:
        if plan_path is None:
            raise ModelLoadError(*(no_model_reason or _NO_MODEL))
        plan = msgspec.json.decode(plan_path.read_bytes(), type=EnginePlan)
        _serve(server, plan, queue_limit=config.queue_limit)

    model_process.run(server, serve)


def _serve(server: EngineServer, plan: EnginePlan, *, queue_limit: int) -> None:
    told = -1

    def on_progress(fraction: float) -> None:
        nonlocal told
        if round(100 * fraction) == told:  # llama.cpp calls for every tensor
            return
        told = round(100 * fraction)
        server.refusal = EngineUnavailableError(
            f"The model is loading ({fraction:.0%}). Try again in a few seconds."
        )
        notify(f"STATUS=loading the model, {fraction:.0%}", f"{LOADED_FRACTION}={fraction:.2f}")

    def load(plan: EnginePlan) -> LlamaModel:
        return LlamaModel(
            Path(plan.model_path),
            n_gpu_layers=plan.n_gpu_layers,
            device=plan.device,
            adapters=plan.adapters,
            on_progress=on_progress,
        )

    model, plan, issues = load_model(plan, load)
    template = ChatTemplate(
        model.chat_template or PLAIN_TEMPLATE, bos_token=model.bos_text, eos_token=model.eos_text
    )
    format_ = detect(model.chat_template or "")
    snapshots = Snapshots(max_bytes=plan.snapshot_bytes)
    runner, plan, less = start_runner(model, plan, snapshots)
    issues += less
    kv: KVCache
    if model.has_plain_memory:
        kv = prefixes = PrefixCache(
            num_cells=plan.n_ctx,
            num_slots=runner.num_slots,
            public=public_prefix(model, template),
            snapshots=snapshots,
            cell_bytes=plan.cell_bytes,
        )
        warm_up(runner, model, prefixes.public_slot, prefixes.public)
    else:
        kv = SnapshotCache(num_cells=plan.n_ctx, num_slots=runner.num_slots, snapshots=snapshots)
        warm_up(runner, model, None, [])
    engine = Engine(
        runner=runner,
        vocabulary=model,
        kv=kv,
        max_running=plan.num_slots,
        max_batch_tokens=plan.n_batch,
        max_draft=MAX_DRAFT if model.has_plain_memory else 0,
        queue_limit=queue_limit,
    )
    model_process.on_stop(engine.stop)
    server.work = engine.work
    server.cap_threads = runner.cap_threads
    server.serve(
        Loaded(
            engine=engine,
            vocabulary=model,
            snapshots=snapshots,
            accepts=partial(is_accepted, model),
            format=format_,
            markers=_markers(model, format_),
            template=template,
            window=plan.max_sequence_tokens,
            description=_describe(model, plan, queue_limit, issues),
        )
    )
    notify("READY=1", f"STATUS=serving {model.name}")
    engine.run()
    runner.close()
    model.close()


def _markers(model: LlamaModel, format_: Format) -> dict[int, bytes]:
    """The markers of a format that are one token each."""
    tokens = {text: model.tokenize(text, add_special=False) for text in format_.markers}
    return {found[0]: text.encode() for text, found in tokens.items() if len(found) == 1}


def _describe(
    model: LlamaModel, plan: EnginePlan, queue_limit: int, issues: list[Sentence]
) -> EngineDescription:
    """The part of the description that does not change while the model is served."""
    return EngineDescription(
        model=plan.name or Path(plan.model_path).stem,
        name=model.name,
        description=model.description,
        licence=model.metadata("general.license") or "",
        num_parameters=model.num_parameters,
        size_bytes=model.size_bytes,
        n_ctx=plan.max_sequence_tokens,
        n_ctx_train=model.n_ctx_train,
        num_slots=plan.num_slots,
        threads=plan.threads,
        device="gpu" if plan.n_gpu_layers else "cpu",
        started_at=time.time(),
        num_running=0,
        num_waiting=0,
        queue_limit=queue_limit,
        kv_cells_used=0,
        kv_cells_total=plan.n_ctx,
        decode_tokens_per_s=0.0,
        prefill_tokens_per_s=0.0,
        completion_tokens_total=0,
        requests_total=0,
        issues=[issue.text for issue in issues],
        issues_fr=[issue.text_fr for issue in issues],
        speed=plan.speed,
        adapters=[AppliedAdapter(name=Path(a.path).stem, scale=a.scale) for a in plan.adapters],
    )


if __name__ == "__main__":
    main()
