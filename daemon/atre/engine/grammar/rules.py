# SPDX-License-Identifier: Apache-2.0
from atre.engine.grammar.grammar import Grammar
from atre.errors import InvalidRequestError

# Bounds for what one request may make the engine parse and carry along at every token.
_MAX_RULES = 4000
_MAX_CHARACTERS = 256 * 1024
_MAX_REPETITIONS = 20_000  # llama.cpp writes a rule for each


class Rules:
    """Named GBNF rules; equal ones are written once. Raises InvalidRequestError beyond the bounds.

    The rules of JSON itself are here by name: ``value``, ``object``, ``string`` and so on.
    """

    def __init__(self, param: str) -> None:
        self._param = param
        self._bodies: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._num_characters = 0
        self._num_repetitions = 0

    def add(self, body: str) -> str:
        """The name of a rule with this body."""
        if body not in self._names:
            self.define(self.reserve(), body)
        return self._names[body]

    def reserve(self) -> str:
        """A new name, for a rule that refers to itself."""
        name = f"r{len(self._bodies)}"
        self._bodies[name] = ""
        return name

    def define(self, name: str, body: str) -> None:
        self._bodies[name] = body
        self._names.setdefault(body, name)
        self._num_characters += len(body)
        if len(self._bodies) > _MAX_RULES or self._num_characters > _MAX_CHARACTERS:
            self._refuse()

    def repeat(self, rule: str, low: int, high: int | None) -> str:
        """``rule`` at least ``low`` and at most ``high`` times."""
        self._num_repetitions += max(low, high or 0)
        if self._num_repetitions > _MAX_REPETITIONS:
            self._refuse()
        if high == 0:
            return '""'
        if high is None:
            return f"{rule}{{{low},}}"
        return f"{rule}{{{low},{high}}}"

    def json(self, name: str) -> str:
        """The name of one of JSON's own rules, which is written when it is first used."""
        if name not in self._bodies:
            body, needs = _JSON[name]
            self._bodies[name] = body
            for need in needs:
                self.json(need)
        return name

    def grammar(self, root: str, triggers: tuple[str, ...] = ()) -> Grammar:
        """All rules as one grammar that begins at ``root``."""
        lines = [f"root ::= {root}", *(f"{name} ::= {body}" for name, body in self._bodies.items())]
        return Grammar("\n".join(lines), triggers)

    def _refuse(self) -> None:
        raise InvalidRequestError(
            "The schema is too large to be enforced: fewer values, properties or repetitions "
            "(maxLength, maxItems) are needed.",
            param=self._param,
        )


# Positive ranges: llama.cpp refuses the first bytes of every character near an excluded one.
# Surrogates are no characters, so neither a raw nor an escaped half is offered.
PLAIN = r"[ !#-\[\]-~\x80-\uD7FF\uE000-\U0010FFFF]"
_HEX = "[0-9a-fA-F]"
_UNIT = f"([0-9a-cefA-CEF] {_HEX}{{3}} | [dD] [0-7] {_HEX}{{2}})"
_JSON: dict[str, tuple[str, tuple[str, ...]]] = {
    # One line break and its indentation at most, or a model may go on with spaces for ever.
    "ws": (r'| " " | "\n" [ \t]{0,20}', ()),
    "char": (
        rf'{PLAIN} | "\\" (["\\/bfnrt] | "u" {_UNIT})',
        (),
    ),
    "string": (r'"\"" char* "\""', ("char",)),
    "digits": (r'"0" | [1-9] [0-9]{0,15}', ()),
    "positive": ('digits ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?', ("digits",)),
    "number": ('"-"? positive', ("positive",)),
    "integer": ('"-"? digits', ("digits",)),
    "boolean": ('"true" | "false"', ()),
    "null": ('"null"', ()),
    "member": ('string ":" ws value', ("string", "ws", "value")),
    "object": ('"{" ws (member ("," ws member)* ws)? "}"', ("member", "ws")),
    "array": ('"[" ws (value ("," ws value)* ws)? "]"', ("value", "ws")),
    "value": (
        "object | array | string | number | boolean | null",
        ("object", "array", "string", "number", "boolean", "null"),
    ),
}
