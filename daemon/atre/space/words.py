# SPDX-License-Identifier: Apache-2.0
def in_words(num_bytes: int, *, french: bool = False) -> str:
    """A size for people, in the units that disks and downloads are sold in."""
    for prefix, factor in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if num_bytes >= factor:
            number = f"{num_bytes / factor:.1f}"
            return f"{number.replace('.', ',')}\u00a0{prefix}o" if french else f"{number} {prefix}B"
    return f"{num_bytes}\u00a0o" if french else f"{num_bytes} B"
