# SPDX-License-Identifier: Apache-2.0
"""What the box says of hardware and plans is there in both languages."""

import ast
import inspect as python
import re
from pathlib import Path
from typing import get_type_hints

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from tests.bilingual import is_french

from atre import models
from atre.cli import main
from atre.engine_plan import EnginePlan, with_words
from atre.errors import ConfigError, DiscoveryError
from atre.hardware.choose import choose
from atre.hardware.detect import detect
from atre.hardware.explain import explain
from atre.hardware.explain_words import WORDS, line
from atre.hardware.machine import Cpu
from atre.hardware.profiles import load_profiles
from atre.hardware.threads import count_threads
from atre.plan import fit_words
from atre.sentence import Sentence

_MACHINES = Path(__file__).parents[1] / "machines"
_PROFILES = load_profiles(Path(__file__).parents[2] / "hardware-profiles")
_WRITERS = [
    writer
    for _, writer in python.getmembers(fit_words, python.isfunction)
    if get_type_hints(writer).get("return") is Sentence
]
_FACTS = {int: 3, str: "a fact", bool: True, int | None: 5, Sentence: Sentence("a 7", "un 7")}
PLAN = EnginePlan(
    model_path="m", n_ctx=512, max_sequence_tokens=512, num_slots=1, n_batch=16, n_ubatch=16,
    threads=1, threads_batch=1, cell_bytes=1,
)  # fmt: skip


@pytest.mark.parametrize("writer", _WRITERS, ids=lambda writer: writer.__name__)
def test_every_sentence_of_a_plan_is_in_both_languages(writer: object) -> None:
    assert callable(writer)
    hints = {name: kind for name, kind in get_type_hints(writer).items() if name != "return"}
    is_french(writer(**{name: _FACTS[kind] for name, kind in hints.items()}))


def test_sentences_of_a_plan_are_found_at_all() -> None:
    assert len(_WRITERS) >= 12


@pytest.mark.parametrize("name", WORDS)
def test_every_line_of_detect_has_the_same_facts_in_both_languages(name: str) -> None:
    words = WORDS[name]
    assert words.text
    assert words.text_fr
    assert words.text.count("{}") == words.text_fr.count("{}")
    filled = line(name, *["x"] * words.text.count("{}"), french=True)
    assert not re.search(r" [:;]", filled)


@pytest.mark.parametrize("policy", ["performance", "physical", "logical", 3])
@pytest.mark.parametrize("cpu", [Cpu(), Cpu(physical_cores=4, logical_cpus=8, allowed_cpus=1)])
def test_threads_are_explained_in_both_languages(cpu: Cpu, policy: str | int) -> None:
    is_french(count_threads(cpu, policy)[1])  # type: ignore[arg-type]


def test_every_error_of_models_is_in_both_languages() -> None:
    """``atre model pull``, ``import``, ``verify`` and the panel say them to people."""
    raised = [
        node
        for path in Path(models.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"ModelLoadError", "ModelStoreError"}
    ]
    assert len(raised) > 40
    assert [ast.unparse(node) for node in raised if len(node.args) != 2] == []


def test_a_plan_cannot_lack_a_language() -> None:
    issue = fit_words.no_gpu()
    both = with_words(with_words(PLAN, issues=[fit_words.memory_unknown()]), issues=[issue])
    assert both.issues[0] == issue.text
    assert both.issues_fr[0] == issue.text_fr
    with pytest.raises(ConfigError, match="both languages"):
        replace(PLAN, issues=["Only English."])


@pytest.mark.parametrize("name", [each.name for each in _MACHINES.iterdir() if each.is_dir()])
def test_detect_speaks_french_without_an_english_line(name: str) -> None:
    found = detect(_MACHINES / name)
    choice = choose(found, _PROFILES)
    english, french = (explain(found, choice, french=each) for each in (False, True))
    assert len(english) == len(french)
    starts = {each.partition(":")[0] for each in english} - {"GPU", "NPU", "llama.cpp"}
    assert not [each for each in french if each.partition(":")[0] in starts]


@pytest.mark.parametrize(
    ("language", "option", "expected"),
    [
        ("fr_FR.UTF-8", [], "Mémoire"),
        ("en_GB.UTF-8", [], "Memory:"),
        ("en_GB.UTF-8", ["--lang", "fr"], "Mémoire"),
        ("fr_FR.UTF-8", ["--lang", "en"], "Memory:"),
    ],
)
def test_the_option_has_the_last_word_on_the_language(
    language: str, option: list[str], expected: str
) -> None:
    command = ["detect", "--root", str(_MACHINES / "n100-mini-pc"), *option]
    done = CliRunner().invoke(main, command, env={"LC_ALL": language})
    assert done.exit_code == 0
    assert expected in done.output


def test_an_error_of_discovery_without_french_says_it_in_english() -> None:
    assert DiscoveryError("No.", "Non.").french == "Non."
    assert DiscoveryError("No.").french == "No."
