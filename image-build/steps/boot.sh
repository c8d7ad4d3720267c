#!/usr/bin/env bash
# Make the small initrd of the image with the tools of its own packages; runs in the tree "base".
set -euo pipefail
kernel=$(basename /usr/lib/modules/*)
rm -rf /usr/lib/dracut/modules.d/90atre /usr/share/atre
cp -r /src/image-build/initrd/90atre /usr/lib/dracut/modules.d/
mkdir -p /usr/share/atre
cp -r /src/image-build/data.d /usr/share/atre/
install -D -m 644 -t /usr/lib/systemd/system.conf.d /src/systemd/appliance/usr/lib/systemd/system.conf.d/*
dracut --quiet --force --no-hostonly --reproducible --early-microcode --zstd \
    --modules "systemd systemd-initrd systemd-veritysetup systemd-modules-load tpm2-tss dm udev-rules atre" \
    --kver "$kernel" /build/slot/initrd.img
cp "/boot/vmlinuz-$kernel" /build/slot/vmlinuz
echo "$kernel" >/build/slot/kernel
