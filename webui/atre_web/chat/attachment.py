# SPDX-License-Identifier: Apache-2.0
"""A file as text for the model: decoded, named and framed; pure."""

import codecs
import re
import unicodedata

import msgspec

from atre.errors import InvalidRequestError

MAX_FILES = 5
MAX_BYTES = 1024 * 1024  # about 300,000 tokens: more than any model of the catalogue reads
MAX_NAME_CHARS = 100

# UTF-32's little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What no text file has: control characters other than tab, line ends, form feed and escape.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_TICKS = re.compile(r"`{3,}")
_CHARS_PER_TOKEN = 3.5  # French prose and code, with the tokenizers of the catalogue


class Attachment(msgspec.Struct, frozen=True):
    """A text file that goes with a question; ``name`` is safe to show."""

    name: str
    text: str

    @property
    def num_tokens(self) -> int:
        """About how many tokens the model will read of it."""
        return estimated_tokens(self.text)


class AttachmentError(InvalidRequestError):
    """A file that cannot go with a question; ``code`` lets a page say why in French."""

    def __init__(self, code: str, name: str, message: str) -> None:
        super().__init__(message, param="attachments")
        self.code = code
        self.name = name


def attachment(name: str, data: bytes) -> Attachment:
    """The file as text. Raises AttachmentError if it is too long, or is no text."""
    shown = safe_name(name)
    if len(data) > MAX_BYTES:
        raise AttachmentError(
            "file_long",
            shown,
            f"{shown} has more than {MAX_BYTES // 1024} KiB. Send the part that matters.",
        )
    text = decoded(data)
    if text is None:
        raise AttachmentError(
            "file_binary",
            shown,
            f"{shown} is not a text file. Save it as text (.txt, .csv, .md) and attach that.",
        )
    if not text.strip():
        raise AttachmentError("file_empty", shown, f"{shown} has no text in it.")
    return Attachment(shown, text)


def checked(files: list[Attachment]) -> list[Attachment]:
    """Attachments as a program sent them, already text. Raises AttachmentError."""
    if len(files) > MAX_FILES:
        raise AttachmentError(
            "files_many", "", f"A question takes at most {MAX_FILES} files; {len(files)} came."
        )
    return [attachment(each.name, each.text.encode("utf-8", "replace")) for each in files]


def decoded(data: bytes) -> str | None:
    """The text of a file in UTF-8, UTF-16, UTF-32 or Windows-1252; None if it is none of these."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data, encoding)
    guess = _strict(data, "utf-8")
    if guess is None and b"\0" not in data:
        # Every byte but five is a letter or a sign there: what office programs of old wrote.
        guess = _strict(data, "cp1252")
    return guess or _unmarked_utf16(data) if data else ""


def safe_name(name: str) -> str:
    """A file's own name: no folders, nothing invisible, nothing that turns the line around."""
    last = re.split(r"[/\\]", name[-4 * MAX_NAME_CHARS :])[-1]
    visible = "".join(char for char in unicodedata.normalize("NFC", last) if char.isprintable())
    short = " ".join(visible.split())[-MAX_NAME_CHARS:]
    return short if short.strip(". ") else "fichier.txt"


def framed(file: Attachment) -> str:
    """The file as the model reads it; no line of the text can end the frame."""
    longest = max((len(found) for found in _TICKS.findall(file.text)), default=2)
    fence = "`" * (longest + 1)
    return f"« {file.name} »\n{fence}\n{file.text.rstrip()}\n{fence}"


def with_files(question: str, files: list[Attachment]) -> str:
    """Question and files as one message: files first, so that a later question reuses them."""
    return "\n\n".join([*map(framed, files), question]).strip()


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has; the engine counts exactly, once it is asked."""
    return round(len(text) / _CHARS_PER_TOKEN)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if _CONTROLS.search(text) else text.replace("\r\n", "\n").replace("\r", "\n")


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without its mark, which some Windows programs write: every other byte is zero."""
    halves = {"utf-16-le": data[1::2], "utf-16-be": data[0::2]}
    for encoding, half in halves.items():
        if half and half.count(0) > 0.6 * len(half):
            return _strict(data, encoding)
    return None
