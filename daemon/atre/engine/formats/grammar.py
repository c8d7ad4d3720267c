# SPDX-License-Identifier: Apache-2.0
"""What a family's grammar says around JSON: thoughts first, then calls in its own markup."""

from collections.abc import Sequence
from dataclasses import dataclass

from atre.engine.formats import harmony, hermes, mistral
from atre.engine.formats.family import Family, Format
from atre.engine.grammar.grammar import Grammar, literal
from atre.engine.grammar.rules import Rules
from atre.ipc.messages import ToolChoice


@dataclass(frozen=True, slots=True)
class Callable:
    """A tool's name, and the rule of its arguments."""

    name: str
    arguments: str


def answer_after_thoughts(rule: str, rules: Rules, format_: Format, prompt: str) -> Grammar:
    """An answer that is all ``rule``, but for thoughts where the model has them."""
    if format_.family is Family.HARMONY:
        begin = literal(f"{harmony.CHANNEL}final{harmony.MESSAGE}")
        return rules.grammar(f"{_analysis(rules)}? {begin} {rule}")
    return rules.grammar(_thoughts(rules, format_, prompt) + rule)


def calls(
    tools: Sequence[Callable],
    rules: Rules,
    format_: Format,
    prompt: str,
    *,
    choice: ToolChoice,
    parallel: bool,
) -> Grammar | None:
    """Calls of these tools: at once where they are required, else once the model begins one.

    None where the family has no marker that would show that it does.
    """
    is_required = choice is ToolChoice.REQUIRED
    match format_.family:
        case Family.HERMES:
            body, trigger = _hermes(tools, rules, parallel=parallel), hermes.OPEN
        case Family.MISTRAL:
            body, trigger = _mistral(tools, rules, parallel=parallel), mistral.OPEN
        case Family.LLAMA if is_required:
            body, trigger = rules.add(_objects(tools, rules, "parameters")), ""
        case Family.HARMONY if is_required:
            return rules.grammar(f"{_analysis(rules)}? {_harmony(tools, rules)}")
        case _:
            return None
    if not is_required:
        return rules.grammar(body, triggers=(trigger,))
    return rules.grammar(_thoughts(rules, format_, prompt) + body)


def _objects(tools: Sequence[Callable], rules: Rules, key: str) -> str:
    """A call as a JSON object, whose arguments are under ``key``."""
    beginnings = {tool.name: f'{{"name": "{tool.name}", "{key}": ' for tool in tools}
    return " | ".join(
        rules.add(f'{literal(beginnings[tool.name])} {tool.arguments} "}}"') for tool in tools
    )


def _hermes(tools: Sequence[Callable], rules: Rules, *, parallel: bool) -> str:
    call = rules.add(_objects(tools, rules, "arguments"))
    break_ = rules.add('"\\n"?')
    one = rules.add(f"{literal(hermes.OPEN)} {break_} {call} {break_} {literal(hermes.CLOSE)}")
    return f"{one} ({break_} {one})*" if parallel else one


def _mistral(tools: Sequence[Callable], rules: Rules, *, parallel: bool) -> str:
    call = rules.add(_objects(tools, rules, "arguments"))
    more = f' ("," " "? {call})*' if parallel else ""
    return f'{literal(mistral.OPEN)} " "? "[" {call}{more} "]"'


def _harmony(tools: Sequence[Callable], rules: Rules) -> str:
    start = f"{harmony.CHANNEL}commentary to=functions."
    json_ = f" {harmony.CONSTRAIN}json{harmony.MESSAGE}"
    return rules.add(
        " | ".join(
            rules.add(f"{literal(start + tool.name + json_)} {tool.arguments}") for tool in tools
        )
    )


def _analysis(rules: Rules) -> str:
    """The analysis message that gpt-oss begins with."""
    begin = literal(f"{harmony.CHANNEL}analysis{harmony.MESSAGE}")
    again = literal(f"{harmony.START}assistant")
    return rules.add(f"{begin} {_until(harmony.END, rules)} {again}")


def _thoughts(rules: Rules, format_: Format, prompt: str) -> str:
    """The thoughts before the answer: begun where the prompt opened them, else as it likes."""
    if format_.thoughts is None:
        return ""
    opening, closing = format_.thoughts
    rest = rules.add(f'{_until(closing, rules)} "\\n"{{0,2}}')
    if format_.is_thinking(prompt):
        return f"{rest} "
    thoughts = rules.add(f"{literal(opening)} {rest}")
    return f"{thoughts}? "


def _until(marker: str, rules: Rules) -> str:
    """Any text up to the marker and with it: a rule for each length of what was matched of it."""
    names = [rules.reserve() for _ in marker]
    for matched, name in enumerate(names):
        wanted = marker[matched]
        # After a mismatch the longest end of the text that begins the marker counts.
        others = {
            c: next(
                n for n in range(matched, -1, -1) if (marker[:matched] + c).endswith(marker[:n])
            )
            for c in sorted(set(marker) - {wanted})
        }
        then = f" {names[matched + 1]}" if matched + 1 < len(marker) else ""
        steps = [f"{literal(wanted)}{then}"]
        steps += [f"{literal(c)} {names[length]}" for c, length in others.items()]
        excluded = "".join(f"\\U{ord(c):08X}" for c in sorted(set(marker)))
        steps.append(f"[^{excluded}] {names[0]}")
        rules.define(name, " | ".join(steps))
    return names[0]
