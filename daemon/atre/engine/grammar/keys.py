# SPDX-License-Identifier: Apache-2.0
from collections.abc import Collection
from typing import TypeAlias

from atre.engine.grammar.rules import PLAIN, Rules

_Trie: TypeAlias = "dict[str, _Trie]"
_END = ""


def any_key_but(names: Collection[str], rules: Rules) -> str:
    """The rule of a JSON key that is none of ``names``.

    It is spelled without escapes, so that none of the names can be written in another way.
    """
    trie: _Trie = {}
    for name in names:
        node = trie
        for character in name:
            node = node.setdefault(character, {})
        node[_END] = {}
    return rules.add(rf'"\"" {_other(trie, rules)} "\""')


def _other(trie: _Trie, rules: Rules) -> str:
    """What may follow where the names in ``trie`` have these ends left."""
    plain = rules.add(PLAIN)
    children = {c: node for c, node in trie.items() if c != _END}
    alternatives = [] if _END in trie else ['""']
    for character, node in sorted(children.items()):
        if character >= " " and character not in '"\\':
            alternatives.append(f'"{character}" {_other(node, rules)}')
    alternatives.append(f"{rules.add(_plain_but(children))} {plain}*")
    return rules.add(" | ".join(alternatives))


def _plain_but(excluded: Collection[str]) -> str:
    """GBNF's class of plain characters, split around the excluded ones."""
    gaps = sorted({ord(c) for c in excluded} | {0x22, 0x5C, 0x7F})
    ranges = []
    low = 0x20
    for gap in [*gaps, 0xD800]:
        if gap > low:
            ranges.append((low, gap - 1))
        low = max(low, gap + 1)
    ranges.append((max(low, 0xE000), 0x10FFFF))
    return "[" + "".join(f"\\U{low:08X}-\\U{high:08X}" for low, high in ranges) + "]"
