# SPDX-License-Identifier: Apache-2.0
import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from atre.hardware.kernel_number import parse_kernel_number
from atre.hardware.machine import Access, Issue, IssueCode

# /proc/cpuinfo takes about 1.5 kB a CPU; 2 MiB is room for more CPUs than Linux supports here.
MAX_FILE_BYTES = 2 * 2**20
_UNKNOWN_TEXTS = frozenset({"", "n/a", "none", "unknown"})


class Tree:
    """Reads kernel files below ``root``; what cannot be read becomes None and, if odd, an issue.

    A file that does not exist is no issue: most machines lack most files. ``failures`` are errors
    that a recording cannot hold as files: path to errno.
    """

    def __init__(self, root: Path, failures: Mapping[str, int] | None = None) -> None:
        self._root = root
        self._failures = failures or {}
        self.issues: list[Issue] = []

    def report(self, code: IssueCode, source: str, detail: str) -> None:
        self.issues.append(Issue(code, source, detail))

    def text(self, path: str, errors: Literal["strict", "replace"] = "strict") -> str | None:
        """Content of a file without surrounding blanks and NULs; None if empty or "N/A".

        ``errors`` says whether bytes that are not UTF-8 spoil the whole file or only themselves.
        """
        content = self._content(path)
        if content is None:
            return None
        try:
            text = content.decode("utf-8", errors).strip("\0 \t\r\n")
        except UnicodeDecodeError:
            self.report(IssueCode.MALFORMED, path, "not UTF-8 text")
            return None
        if text.lower() in _UNKNOWN_TEXTS:
            self.report(IssueCode.MALFORMED, path, f"{text!r} says nothing")
            return None
        return text

    def integer(self, path: str, base: int = 10) -> int | None:
        """A whole number of the given base, 0 or more."""
        text = self.text(path)
        if text is None:
            return None
        try:
            return parse_kernel_number(text, base)
        except ValueError:
            self.report(IssueCode.MALFORMED, path, f"{text[:40]!r} is not a number")
            return None

    def names(self, path: str) -> list[str] | None:
        """Sorted names in a directory; None if there is no such directory."""
        try:
            # Undecodable names hold surrogates, which are not printable and not valid JSON.
            entries = self._place(path).iterdir()
            return sorted(entry.name for entry in entries if entry.name.isprintable())
        except OSError as error:
            self._report_error(path, error)
            return None

    def link_name(self, path: str) -> str | None:
        """Last part of what a symbolic link points to, as sysfs names a bound driver."""
        try:
            return self._place(path).readlink().name
        except OSError as error:
            self._report_error(path, error)
            return None

    def access(self, path: str) -> Access | None:
        """What this process may do with a device file; None in a recording without ``dev``."""
        try:
            if not (self._root / "dev").is_dir():
                return None
            place = self._place(path)
            if not place.exists():
                return Access.MISSING
        except OSError:
            return Access.FORBIDDEN
        return Access.OPEN if os.access(place, os.R_OK | os.W_OK) else Access.FORBIDDEN

    def _place(self, path: str) -> Path:
        if path in self._failures:
            code = self._failures[path]
            raise OSError(code, os.strerror(code))
        return self._root / path

    def _content(self, path: str) -> bytes | None:
        try:
            with self._place(path).open("rb") as file:
                return file.read(MAX_FILE_BYTES)
        except OSError as error:
            self._report_error(path, error)
            return None

    def _report_error(self, path: str, error: OSError) -> None:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return
        code = IssueCode.VANISHED if error.errno == errno.ENODEV else IssueCode.UNREADABLE
        self.report(code, path, error.strerror or str(error))
