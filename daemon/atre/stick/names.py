# SPDX-License-Identifier: Apache-2.0
import re

PROVISION = "atre-provision.toml"
PROVISION_SIGNATURE = "atre-provision.toml.sig"
MAX_FILE_BYTES = 256 * 1024
# What a copy is called until it was read: systemd starts the reader by it.
COPIED = ".from-stick"
# And what is to go onto a stick: systemd starts the writer by it.
OUTGOING = ".to-stick"
# Empty; there once a stick took what was outgoing.
TAKEN = "taken"
# Empty; asks root to clear the system's traces of a unit that was sealed, and to switch it off.
SWEEP = "sweep"
_LOST_PASSWORD = "atre-lost-password-{}.txt"  # noqa: S105 -- a file's name
_FROM_UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}-(?:burn-in|sealed)\.json")
_RESET = "atre-factory-reset-{}.txt"


def lost_password(serial: str) -> str:
    """The file whose one line is a word that then resets managers' sign-in."""
    return _LOST_PASSWORD.format(serial)


def factory_reset(serial: str) -> str:
    """The file that has everything erased."""
    return _RESET.format(serial)


def is_asked(name: str) -> bool:
    """Whether a file of this name may be for this box, or another one; a serial is no secret."""
    before, _, after = _LOST_PASSWORD.partition("{}")
    reset_before, _, reset_after = _RESET.partition("{}")
    return (
        name in {PROVISION, PROVISION_SIGNATURE}
        or (name.startswith(before) and name.endswith(after))
        or (name.startswith(reset_before) and name.endswith(reset_after))
    )


def may_go_out(name: str) -> bool:
    """Whether a file of this name may be written to a stick."""
    return _FROM_UNIT.fullmatch(name) is not None
