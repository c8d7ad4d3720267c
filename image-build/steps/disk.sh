#!/usr/bin/env bash
# Make a disk with the slot of /build/slot as slot a: /build/disk.raw. Runs in the tools tree.
set -euo pipefail
rm -f /build/disk.raw

# The EFI system partition: the loader, the rule, and a first choice. Nothing else ever lies there.
esp=/build/esp
rm -rf "$esp"
mkdir -p "$esp/EFI/BOOT" "$esp/atre"
grub-mkimage --format="$ATRE_GRUB" --prefix=/atre --output="$esp/EFI/BOOT/$ATRE_LOADER" --config=/src/image-build/boot/early.cfg \
    part_gpt fat normal linux boot loadenv test regexp probe echo sleep reboot configfile true serial terminal
cp /src/image-build/boot/grub.cfg "$esp/atre/"
PYTHONPATH=/src/daemon /build/root/opt/atre/.venv/bin/python -c '
from pathlib import Path
from atre.updates.boot_rule import Choice, write_choice, write_try
atre = Path("/build/esp/atre")
(atre / "choice-0.env").write_bytes(write_choice(Choice(generation=1, good="a")))
(atre / "try.env").write_bytes(write_try("none"))'

systemd-repart --empty=create --size=auto --offline=yes --sector-size=512 --dry-run=no --no-pager --seed=random \
    --architecture="$ATRE_MACHINE" \
    --definitions=/src/image-build/disk.d /build/disk.raw
