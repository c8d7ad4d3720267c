# SPDX-License-Identifier: Apache-2.0
import math
from collections.abc import Callable
from typing import Any

from atre.engine.grammar.keywords import FORMATS
from atre.engine.grammar.numbers import integers
from atre.engine.grammar.pattern import PatternError, pattern_rule
from atre.engine.grammar.report import Report
from atre.engine.grammar.rules import Rules

Schema = dict[str, Any]

_OF_STRINGS = ("pattern", "format", "minLength", "maxLength")  # the first one is kept
_MAX_TIMES = 2000  # llama.cpp takes more for "without limit"


def string_rule(schema: Schema, path: str, rules: Rules, report: Report) -> str:
    """A string with its length, its pattern or its format."""
    present = [keyword for keyword in _OF_STRINGS if keyword in schema]
    chosen = present[0] if present else None
    body = None
    if chosen == "pattern":
        body = _pattern(schema["pattern"], path, rules, report)
    elif chosen == "format":
        body = _format(schema["format"], path, report)
    if body is not None:
        for other in present[1:]:
            report.cannot(other, path, f"beside {chosen}")
        return rules.add(body)
    low, high = bounds(schema, "minLength", "maxLength", path, report)
    if low == 0 and high is None:
        return rules.json("string")
    return rules.add(rf'"\"" {rules.repeat(rules.json("char"), low, high)} "\""')


def integer_rule(schema: Schema, path: str, rules: Rules, report: Report) -> str:
    """An integer between its limits."""
    lows = _limits(schema, "minimum", math.ceil, 1, path, report)
    highs = _limits(schema, "maximum", math.floor, -1, path, report)
    if not lows and not highs:
        return rules.json("integer")
    body = integers(max(lows, default=None), min(highs, default=None))
    if body is None:
        raise report.error(f"minimum and maximum at {path} leave no integer of 16 digits.")
    return rules.add(body)


def number_rule(schema: Schema, path: str, rules: Rules, report: Report) -> str:
    """A number; of its limits only ``minimum`` 0 can be said in a grammar of this kind."""
    is_positive = _limit(schema, "minimum", path, report) == 0
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"):
        if keyword in schema and not (keyword == "minimum" and is_positive):
            report.cannot(keyword, path, "for numbers that need not be integers")
    return rules.json("positive" if is_positive else "number")


def bounds(
    schema: Schema, least: str, most: str, path: str, report: Report
) -> tuple[int, int | None]:
    """How often something is repeated at least and at most, from two keywords."""
    low = _count(schema, least, path, report) or 0
    high = _count(schema, most, path, report)
    if high is not None and high < low:
        raise report.error(f"{most} at {path} is less than {least}.")
    return low, high


def _count(schema: Schema, keyword: str, path: str, report: Report) -> int | None:
    value = schema.get(keyword)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise report.error(f"{keyword} at {path} must be a whole number, 0 or more.")
    if value > _MAX_TIMES:
        report.cannot(keyword, path, f"above {_MAX_TIMES}")
        return None
    return value


def _pattern(pattern: object, path: str, rules: Rules, report: Report) -> str | None:
    if not isinstance(pattern, str):
        raise report.error(f"pattern at {path} must be a text.")
    try:
        return pattern_rule(pattern, rules)
    except PatternError as error:
        report.cannot("pattern", path, f"({error})")
        return None


def _format(name: object, path: str, report: Report) -> str | None:
    if isinstance(name, str) and name in FORMATS:
        return FORMATS[name]
    report.cannot("format", path, f"({name!r:.100})")
    return None


def _limits(
    schema: Schema,
    keyword: str,
    round_: Callable[[float], int],
    step: int,
    path: str,
    report: Report,
) -> list[int]:
    """The inclusive limits that a keyword and its exclusive twin set for integers."""
    found = []
    if (limit := _limit(schema, keyword, path, report)) is not None:
        found.append(round_(limit))
    if (limit := _limit(schema, "exclusive" + keyword.capitalize(), path, report)) is not None:
        found.append(round_(limit) + step * (round_(limit) == limit))
    return found


def _limit(schema: Schema, keyword: str, path: str, report: Report) -> float | None:
    limit = schema.get(keyword)
    if limit is None:
        return None
    if isinstance(limit, float) and math.isfinite(limit):
        return limit
    if isinstance(limit, int) and not isinstance(limit, bool):
        return limit
    raise report.error(f"{keyword} at {path} must be a number.")
