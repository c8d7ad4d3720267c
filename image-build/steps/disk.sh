#!/usr/bin/env bash
# Make the slot's boot image, and a disk with that slot as slot a: /build/disk.raw. Runs in the tools tree.
set -euo pipefail
slot=/build/slot
rm -f "$slot/boot.vfat" /build/disk.raw
hash=$(cat "$slot/roothash")

# The slot's own part of the boot rule's last step: where its root is on the disk that it came from,
# and what that root must be. GRUB reads it as a script (image-build/boot/grub.cfg).
cat >"$slot/slot.cfg" <<CFG
if [ "\$atre_slot_dir" = "\$atre_b" ]; then
    probe --set=atre_data --part-uuid "(\$atre_disk,gpt6)"
    probe --set=atre_hash --part-uuid "(\$atre_disk,gpt7)"
else
    probe --set=atre_data --part-uuid "(\$atre_disk,gpt3)"
    probe --set=atre_hash --part-uuid "(\$atre_disk,gpt4)"
fi
set atre_cmdline="root=/dev/mapper/root rootfstype=erofs ro roothash=$hash systemd.verity_root_data=PARTUUID=\$atre_data systemd.verity_root_hash=PARTUUID=\$atre_hash systemd.gpt_auto=0 systemd.default_device_timeout_sec=300 console=ttyS0,115200 console=tty0 quiet loglevel=4 systemd.show_status=no"
CFG
mkfs.vfat -C -n BOOT --invariant "$slot/boot.vfat" $((96 * 1024))
mcopy -i "$slot/boot.vfat" "$slot/vmlinuz" "$slot/initrd.img" "$slot/slot.cfg" ::/

# The EFI system partition: the loader, the rule, and a first choice. Nothing else ever lies there.
esp=/build/esp
rm -rf "$esp"
mkdir -p "$esp/EFI/BOOT" "$esp/atre"
grub-mkimage --format=x86_64-efi --prefix=/atre --output="$esp/EFI/BOOT/BOOTX64.EFI" --config=/src/image-build/boot/early.cfg \
    part_gpt fat normal linux boot loadenv test regexp probe echo sleep reboot configfile true serial terminal
cp /src/image-build/boot/grub.cfg "$esp/atre/"
PYTHONPATH=/src/daemon /build/root/opt/atre/.venv/bin/python -c '
from pathlib import Path
from atre.updates.boot_rule import Choice, write_choice, write_try
atre = Path("/build/esp/atre")
(atre / "choice-0.env").write_bytes(write_choice(Choice(generation=1, good="a")))
(atre / "try.env").write_bytes(write_try("none"))'

systemd-repart --empty=create --size=auto --offline=yes --sector-size=512 --dry-run=no --no-pager --seed=random \
    --definitions=/src/image-build/disk.d /build/disk.raw
