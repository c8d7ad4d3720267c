#!/usr/bin/env bash
# Make of the root $1 what a slot holds, in the folder $2, where its kernel and initrd are: the image of
# a read-only root, the hashes that verify it, and the boot image. Runs in the tools tree.
set -euo pipefail
root=$1 slot=$2
rm -f "$slot"/{root,verity}.img "$slot/roothash" "$slot/boot.vfat"
mkfs.erofs --quiet -zlz4hc,9 -C65536 -T0 --all-time -Eztailpacking "$slot/root.img" "$root"
veritysetup format --salt=- "$slot/root.img" "$slot/verity.img" | awk '/^Root hash:/ {print $3}' >"$slot/roothash"
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
set atre_cmdline="root=/dev/mapper/root rootfstype=erofs ro roothash=$hash systemd.verity_root_data=PARTUUID=\$atre_data systemd.verity_root_hash=PARTUUID=\$atre_hash systemd.gpt_auto=0 systemd.default_device_timeout_sec=300 console=$ATRE_SERIAL,115200 console=tty0 quiet loglevel=4 systemd.show_status=no"
CFG
mkfs.vfat -C -n BOOT --invariant "$slot/boot.vfat" $((96 * 1024))
mcopy -i "$slot/boot.vfat" "$slot/vmlinuz" "$slot/initrd.img" "$slot/slot.cfg" ::/
