# SPDX-License-Identifier: Apache-2.0
"""An answer that is stopped while the box writes it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from atre.plan.planning import factory_model_path

pytestmark = pytest.mark.browser

# Run in each page before its own scripts.
STOP_AT_FIRST_TEXT = """addEventListener("DOMContentLoaded", () => {
  const thread = document.getElementById("thread");
  if (!thread) return;
  new MutationObserver((_, observer) => {
    if (!thread.querySelector(".prose.writing")?.textContent) return;
    observer.disconnect();
    document.getElementById("stop").click();
  }).observe(thread, { childList: true, subtree: true });
});"""
LONG_CONTEXT = 8192


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory, serve_box: Callable[..., Any]) -> Iterator[Any]:
    """Marie's box, whose model talks until its context is full: nothing else is sure to last."""
    model = write_babbler(tmp_path_factory.mktemp("model") / "moulin.gguf")
    with serve_box(tmp_path_factory.mktemp("box"), model=model) as running:
        yield running


def write_babbler(path: Path) -> Path:
    """The factory model with words drawn by lot, none of which ends an answer."""
    source: Any = gguf.GGUFReader(factory_model_path())
    writer: Any = gguf.GGUFWriter(path, source.fields["general.architecture"].contents())
    for key, field in source.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        element = field.types[1] if len(field.types) > 1 else None
        value = LONG_CONTEXT if key == "llama.context_length" else field.contents()
        writer.add_key_value(key, value, field.types[0], sub_type=element)
    kinds = np.array(source.fields["tokenizer.ggml.token_type"].contents())
    for tensor in source.tensors:
        if tensor.name == "token_embd.weight":
            width, num_words = (int(size) for size in tensor.shape)
            words = np.random.default_rng(0).standard_normal((num_words, width), dtype=np.float32)
            words[kinds == gguf.TokenType.CONTROL] = 0.0  # tied to the output: a logit of zero
            writer.add_tensor(tensor.name, words)
        else:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def ask(page: Any, question: str) -> None:
    page.get_by_label("Votre question").fill(question)
    page.get_by_label("Votre question").press("Enter")


def test_stop_keeps_what_was_written(enter: Callable[..., Any]) -> None:
    page = enter(init_script=STOP_AT_FIRST_TEXT)
    ask(page, "Bonjour")
    page.get_by_text("Arrêtée à votre demande").wait_for()
    assert page.locator("#thread .prose").last.inner_text() != ""
    assert page.get_by_role("button", name="Envoyer").is_visible()
    assert page.locator("#announcer").inner_text() == "Réponse arrêtée."
    assert "maximale" not in page.locator("#thread").inner_text()  # before its end
    page.reload()
    page.get_by_text("Arrêtée à votre demande").wait_for()
    assert page.locator("#thread .prose").last.inner_text() != ""
