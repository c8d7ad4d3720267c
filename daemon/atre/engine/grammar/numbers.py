# SPDX-License-Identifier: Apache-2.0

_MAX_DIGITS = 16  # JSON's numbers are exact everywhere up to 2^53, which has sixteen
_LARGEST = 10**_MAX_DIGITS - 1


def integers(low: int | None, high: int | None) -> str | None:
    """GBNF for the integers from ``low`` to ``high``, None where there are none.

    An open end reaches to sixteen digits.
    """
    least = max(-_LARGEST, -_LARGEST if low is None else low)
    most = min(_LARGEST, _LARGEST if high is None else high)
    if least > most:
        return None
    alternatives = []
    if least < 0:
        positive = _positive(max(1, -most), -least)
        alternatives.append(f'"-" ({positive})')
    if most >= 0:
        alternatives.append(_positive(max(0, least), most))
    return " | ".join(alternatives)


def _positive(low: int, high: int) -> str:
    """Integers from ``low`` to ``high``, both 0 or more: an alternative for each length."""
    alternatives = []
    for length in range(len(str(low)), len(str(high)) + 1):
        first = max(low, 10 ** (length - 1) if length > 1 else 0)
        last = min(high, 10**length - 1)
        alternatives.append(_same_length(str(first), str(last)))
    return " | ".join(alternatives)


def _same_length(low: str, high: str) -> str:
    if not low:
        return '""'
    if low == "0" * len(low) and high == "9" * len(high):
        return f"[0-9]{{{len(low)}}}"
    rest_low, rest_high = low[1:], high[1:]
    if low[0] == high[0]:
        return f'"{low[0]}" ({_same_length(rest_low, rest_high)})'
    alternatives = [f'"{low[0]}" ({_same_length(rest_low, "9" * len(rest_low))})']
    if int(high[0]) - int(low[0]) > 1:
        between = f"[{int(low[0]) + 1}-{int(high[0]) - 1}]"
        alternatives.append(" ".join([between, *["[0-9]"] * len(rest_low)]))
    alternatives.append(f'"{high[0]}" ({_same_length("0" * len(rest_high), rest_high)})')
    return " | ".join(alternatives)
