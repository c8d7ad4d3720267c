# SPDX-License-Identifier: Apache-2.0
"""GRUB environment blocks, read as GRUB reads them: grub-core/lib/envblk.c of GRUB 2.06.

What is wrong with a block is never an error: GRUB takes the variables before the wrong place.
"""

from collections.abc import Iterator, Mapping

_HEADER = b"# GRUB Environment Block\n"
SIZE = 1024  # bytes; two sectors, of which only the first says anything


def pack(variables: Mapping[str, str]) -> bytes:
    """A whole block. Values hold letters, digits, ``:``, ``-`` and ``.`` only."""
    lines = "".join(f"{name}={value}\n" for name, value in variables.items()).encode()
    block = _HEADER + lines
    if len(block) > SIZE:
        raise ValueError(f"an environment block holds {SIZE} bytes, not {len(block)}")
    return block.ljust(SIZE, b"#")


def unpack(block: bytes | None) -> dict[str, bytes]:
    """The variables; empty for what is no block, and for no file."""
    if block is None or not block.startswith(_HEADER):
        return {}
    # A name that is no text cannot be one of ours.
    return {name.decode("latin-1"): value for name, value in _variables(block)}


def with_values(block: bytes, variables: Mapping[str, str]) -> bytes | None:
    """The block with other values of the same length, as ``save_env`` would write it.

    None if GRUB would refuse, because it cannot tell where the free space begins.
    """
    if not block.rstrip(b"#").endswith(b"\n"):
        return None
    for name, value in variables.items():
        start = block.index(f"\n{name}=".encode()) + len(name) + 2
        block = block[:start] + value.encode() + block[start + len(value) :]
    return block


def _variables(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_HEADER)
    while position < len(block):
        if block[position : position + 1] != b"#":
            # A line without an equals sign runs into the next one's name.
            equals = block.find(b"=", position)
            if equals < 0:
                return
            end = _end_of_value(block, equals + 1)
            if end is None:
                return
            yield block[position:equals], _without_escapes(block[equals + 1 : end])
            position = end
        position = block.find(b"\n", position) + 1
        if position == 0:
            return


def _end_of_value(block: bytes, start: int) -> int | None:
    position = start
    while position < len(block):
        if block[position : position + 1] == b"\n":
            return position
        position += 2 if block[position : position + 1] == b"\\" else 1
    return None


def _without_escapes(value: bytes) -> bytes:
    out = bytearray()
    position = 0
    while position < len(value):
        if value[position : position + 1] == b"\\":
            position += 1
        out += value[position : position + 1]
        position += 1
    return bytes(out)
