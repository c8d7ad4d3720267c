# SPDX-License-Identifier: Apache-2.0
"""French outside the catalogue: what daemons, commands and data files say themselves."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Letters that English does not have, Âtre's own name aside.
FRENCH = re.compile("[éèêëàâçîïôœùûÉÈÊÀÇ«»]")
WRONG = {
    "an ordinary space where French wants one that does not break": re.compile(r" [;:!?»%]|« "),
    "no space where French wants one": re.compile(r"[^\W\d_][;!?»]|\)[;!?»]|\w:(?![/\w\\])|«\w"),
    "a straight apostrophe": re.compile(r"[^\W\d_]'[^\W\d_]"),
    "a straight quotation mark": re.compile(r'"\w'),
}
# Patterns and tables that hold French letters and say nothing.
CODE = re.compile(r"`[^`]*`|https?://\S+")

# Errors that somebody meets who starts a box or runs a command.
FOR_PEOPLE = {"BackupError", "ConfigError", "MediaError", "ModelStoreError", "StorageError"}
# Who meets those edits the program's own files, or its source.
FOR_PROGRAMMERS = ("catalogue.py", "engine_plan.py", "profiles.py", "service.py")
FOR_PROGRAMMERS_TOO = ("handbook",)


def english_alone(source: str) -> Iterator[str]:
    """Every error for people that is made of one sentence, and not of one that knows languages."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            one = node.args[0] if len(node.args) == 1 else None
            has_words = isinstance(one, ast.Constant | ast.JoinedStr)
            if node.func.id in FOR_PEOPLE and has_words:
                yield ast.unparse(node)


def spoken(source: str) -> Iterator[str]:
    """Every text in Python source that is French, with x for what is filled in."""
    tree = ast.parse(source)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in documentation | inner:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(map(_said, node.values))


def _said(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    # Some name the space that does not break, so that it is seen in the source.
    is_space = isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name)
    return "\u00a0" if is_space and "NBSP" in ast.unparse(part).upper() else "x"


def french_values(content: Any) -> Iterator[str]:
    """Every text under a key that says that it is French."""
    if isinstance(content, list):
        for each in content:
            yield from french_values(each)
    elif isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, str) and (key == "fr" or key.endswith("_fr")):
                yield value
            else:
                yield from french_values(value)


def mistakes(texts: Iterator[str]) -> list[tuple[str, str]]:
    return [
        (text, why)
        for text in texts
        if " " in text
        for why, pattern in WRONG.items()
        if pattern.search(CODE.sub("x", text))
    ]


def test_what_the_programs_say_in_french_has_french_typography() -> None:
    found, num_texts = [], 0
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        texts = [text for text in spoken(path.read_text("utf-8")) if FRENCH.search(text)]
        num_texts += len(texts)
        found += [(path.name, *each) for each in mistakes(iter(texts))]
    assert num_texts > 50
    assert found == []


def test_what_the_data_files_say_in_french_has_french_typography() -> None:
    paths = sorted((ROOT / "hardware-profiles").glob("*.toml"))
    paths += sorted((ROOT / "daemon").rglob("*.toml"))
    found, num_texts = [], 0
    for path in paths:
        texts = list(french_values(tomllib.loads(path.read_text("utf-8"))))
        num_texts += len(texts)
        found += [(path.name, *each) for each in mistakes(iter(texts))]
    assert num_texts > 50
    assert found == []


def test_every_error_for_people_is_in_french_too() -> None:
    found, num_files = [], 0
    for room in ("daemon", "webui"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.name in FOR_PROGRAMMERS or path.parent.name in FOR_PROGRAMMERS_TOO:
                continue
            num_files += 1
            found += [(path.name, each) for each in english_alone(path.read_text("utf-8"))]
    assert num_files > 100
    assert found == []


def test_scripts_hold_no_words_of_their_own() -> None:
    scripts = sorted((ROOT / "webui" / "atre_web" / "static" / "js").glob("*.js"))
    assert len(scripts) > 10
    for path in scripts:
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
        for text in re.findall(r'"([^"\n]*)"|`([^`]*)`', code):
            assert not FRENCH.search("".join(text)), f"{path.name}: put it into panel/texts.py"


@pytest.mark.parametrize(
    "text",
    ["Quoi ?", "Quoi?", "l'été", "« là »", "Voilà: un", 'le "mot" là', "43 % là"],
)
def test_each_mistake_is_seen(text: str) -> None:
    assert mistakes(iter([text + " à"]))
