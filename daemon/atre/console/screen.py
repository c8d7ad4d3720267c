# SPDX-License-Identifier: Apache-2.0
"""What stands on the screen: text on the left, a code for phones on the right. Pure."""

import io
import textwrap
from dataclasses import dataclass

import segno

from atre.sentence import Sentence

# A text console of a PC without a driver of its own has 80 × 25 characters.
WIDTH, HEIGHT = 80, 25
_QR_BORDER = 2
# The kernel's own font has the characters of code page 437, and draws a block for these.
_IN_FONT = str.maketrans({"…": "...", "’": "'", "“": '"', "”": '"'})
_CLEAR = "\x1b[H\x1b[2J\x1b[3J"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of the box; ``language`` is "" where nobody chose one.

    ``addresses`` are without brackets. ``code`` is the claim code of this start, None where the
    label has it. ``word`` is what was made for a lost password. ``problem`` is why the box runs
    without its data. ``bench`` is how far the unit's burn-in or sealing is, which whoever stands at
    a reseller's bench wants to know before all else.
    """

    is_ready: bool
    name: str | None = None
    addresses: tuple[str, ...] = ()
    port: int = 443
    waits_for_owner: bool = False
    code: str | None = None
    serial: str = ""
    language: str = ""
    word: str | None = None
    news: Sentence | None = None
    problem: Sentence | None = None
    bench: Sentence | None = None


def url(facts: Facts) -> str | None:
    """What a phone should open: by address, which every phone understands; then by name."""
    plain = [each for each in facts.addresses if ":" not in each]
    host = next(iter(plain), facts.name)
    if host is None:
        return None
    port = "" if facts.port == 443 else f":{facts.port}"  # noqa: PLR2004 -- what https is without
    path = ""
    if facts.waits_for_owner:
        path = "claim" if facts.code is None else f"claim?code={facts.code}"
    return f"https://{host}{port}/{path}"


def draw(facts: Facts) -> str:
    """The whole screen, with what clears it before."""
    address = url(facts)
    # A box that cannot open its data is not to be claimed as if it were new.
    code = _code(address) if facts.is_ready and address and not facts.problem else []
    room = WIDTH - max((len(line) for line in code), default=0) - 2
    parts = [part.translate(_IN_FONT) for part in _text(facts)]
    text = [line for part in parts for line in textwrap.wrap(part, room) or [""]]
    rows = max(len(text), len(code))
    lines = [
        f"{text[row] if row < len(text) else '':{room}}  {code[row] if row < len(code) else ''}"
        for row in range(rows)
    ]
    return _CLEAR + "\r\n".join(line.rstrip() for line in lines[:HEIGHT]) + "\r\n"


def _code(address: str) -> list[str]:
    drawn = io.StringIO()
    segno.make(address, error="l", micro=False).terminal(drawn, border=_QR_BORDER, compact=True)
    return drawn.getvalue().rstrip("\n").split("\n")


def _text(facts: Facts) -> list[str]:
    spoken = [each for each in ("fr", "en") if facts.language[:2] in ("", each)] or ["en"]
    title = f"Âtre {facts.name or ''}".rstrip()
    parts = [title, ""]
    for language in spoken:
        parts += [*_paragraphs(facts, french=language == "fr"), ""]
    serial = f"N° {facts.serial}" if facts.serial else ""
    return [*parts, serial]


def _paragraphs(facts: Facts, *, french: bool) -> list[str]:
    if facts.word is not None:
        said = _WORD.spoken(french=french).format(word=facts.word)
    elif facts.bench is not None:
        said = facts.bench.spoken(french=french)
    elif not facts.is_ready:
        said = _STARTING.spoken(french=french)
    elif url(facts) is None:
        said = _NO_NETWORK.spoken(french=french)
    elif facts.waits_for_owner and facts.problem is None:
        said = _CLAIM.spoken(french=french).format(
            url=_shown(facts), code=facts.code or _ON_LABEL.spoken(french=french)
        )
    else:
        said = _OPEN.spoken(french=french).format(url=_shown(facts))
    news = [facts.news.spoken(french=french)] if facts.news else []
    problem = [facts.problem.spoken(french=french)] if facts.problem else []
    return [*problem, *said.split("\n"), *news]


def _shown(facts: Facts) -> str:
    """Every address that people may type, without the code."""
    port = "" if facts.port == 443 else f":{facts.port}"  # noqa: PLR2004 -- what https is without
    hosts = [each for each in (facts.name, *facts.addresses) if each and ":" not in each]
    return "\n".join(f"https://{host}{port}" for host in hosts[:3])


_STARTING = Sentence("The box is starting…", "Le boîtier démarre…")
_NO_NETWORK = Sentence(
    "No network. Plug the box into your router with a cable.",
    "Pas de réseau. Branchez le boîtier à votre routeur avec un câble.",
)
_CLAIM = Sentence(
    "This box has no owner yet. Scan the code with a phone of the same network, or open:\n{url}\n"
    "Claim code: {code}",
    "Ce boîtier n’a pas encore de propriétaire. Scannez le code avec un téléphone du même réseau, "
    "ou ouvrez\N{NO-BREAK SPACE}:\n{url}\nCode de mise en service\N{NO-BREAK SPACE}: {code}",
)
_ON_LABEL = Sentence("on the label", "sur l’étiquette")
_OPEN = Sentence(
    "The box is at:\n{url}",
    "Le boîtier est à l’adresse\N{NO-BREAK SPACE}:\n{url}",
)
_WORD = Sentence(
    "Lost password: open the page “Lost password” of the box within a quarter of an hour, and "
    "type\n{word}",
    "Mot de passe perdu\N{NO-BREAK SPACE}: dans le quart d’heure, ouvrez la page "
    "«\N{NO-BREAK SPACE}Mot de passe perdu\N{NO-BREAK SPACE}» du boîtier et tapez\n{word}",
)
