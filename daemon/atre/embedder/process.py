# SPDX-License-Identifier: Apache-2.0
import time
from pathlib import Path

import click

from atre import config as configuration
from atre import model_process
from atre.embedder.embedder import Embedder
from atre.embedder.llama_encoder import LlamaEncoder
from atre.embedder.prepare import prepare
from atre.embedder.serving import EmbedderServer, Loaded
from atre.engine.llama.model import LlamaModel
from atre.errors import DecodeError, ModelLoadError
from atre.ipc.intake import Intake
from atre.ipc.messages import Embed, EmbedderDescription
from atre.system.cpu_policy import be_nice
from atre.system.notify import notify

_LAYERS_ON_GPU = 0  # the GPU's memory belongs to the chat model's plan
_NO_MODEL = ("No embedding model was chosen.", "Aucun modèle de vecteurs n’est choisi.")


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), required=True)
@click.option("--model", "model_path", type=click.Path(path_type=Path))
@click.option("--threads", type=click.IntRange(min=1), default=1)
@model_process.no_model_option
@click.option("--lifeline", is_flag=True, help="End when standard input closes.")
def main(
    config_path: Path,
    model_path: Path | None,
    threads: int,
    no_model_reason: tuple[str, str] | None,
    *,
    lifeline: bool,
) -> None:
    """Run the embedding model on the box's embedder socket."""
    model_process.begin("atre-embedder", lifeline=lifeline)
    be_nice()  # people wait for each token of a chat, and for the end of an indexing job
    config = configuration.load(config_path)
    server = EmbedderServer(config.embedder_socket, Intake(config.runtime_dir))

    def serve() -> None:
        if model_path is None:
            raise ModelLoadError(*(no_model_reason or _NO_MODEL))
        _serve(server, model_path, threads=threads, queue_limit=config.queue_limit)

    model_process.run(server, serve)


def _serve(server: EmbedderServer, path: Path, *, threads: int, queue_limit: int) -> None:
    model = LlamaModel(path, n_gpu_layers=_LAYERS_ON_GPU, on_progress=lambda _fraction: None)
    encoder = LlamaEncoder(model, threads=threads)
    description = EmbedderDescription(
        model=path.stem,
        name=model.name,
        dimensions=encoder.dimensions,
        max_input_tokens=encoder.max_input_tokens,
        pooling=encoder.pooling,
        threads=threads,
        started_at=time.time(),
        num_open=0,
        inputs_total=0,
        tokens_total=0,
    )
    try:
        # Pages and graphs are ready before the first person asks.
        encoder.encode(prepare(Embed(texts=["1"]), model, description))
    except DecodeError as error:
        raise ModelLoadError(
            f"{model.name} loads but computes nothing: {error}",
            f"{model.name} se charge mais ne calcule rien : {error.french}",
        ) from error
    embedder = Embedder(encoder, queue_limit=queue_limit)
    model_process.on_stop(embedder.stop)
    server.serve(Loaded(embedder=embedder, tokenizer=model, description=description))
    notify("READY=1", f"STATUS=serving {model.name}")
    embedder.run()
    encoder.close()
    model.close()


if __name__ == "__main__":
    main()
