#!/usr/bin/env bash
# Make the image's root in /build/root, a copy of the packages' tree: the box's Python environment,
# the image's own files, and without what only building needs. Runs in the tools tree.
set -euo pipefail
version=$1
root=/build/root

# The environment is made under the name it will have: /opt/atre is the same folder here and there.
mkdir -p "$root/opt/atre"
rm -rf /opt/atre
ln -s "$root/opt/atre" /opt/atre
python3 -m venv /opt/atre/.venv
/opt/atre/.venv/bin/python -m pip install --quiet --no-index --find-links /build/wheels atre
/opt/atre/.venv/bin/python -m pip uninstall --quiet --yes pip
rm -f /opt/atre

cp -r --no-preserve=ownership /src/image-build/root/. /src/systemd/appliance/{etc,usr} "$root/"
install -m 644 -t "$root/etc/polkit-1/rules.d" /src/systemd/50-atre-disks.rules
install -m 644 -t "$root/usr/lib/systemd/system" /src/systemd/atre-rapl.service
mkdir -p "$root/etc/rauc"
sed "s/@machine@/$ATRE_MACHINE/" /src/image-build/rauc/system.conf >"$root/etc/rauc/system.conf"
install -m 644 -t "$root/etc/dbus-1/system.d" /src/image-build/rauc/atre-rauc.conf
install -m 644 "${ATRE_KEYRING:-/build/development-ca/ca.crt}" "$root/etc/rauc/keyring.pem"
ln -s /opt/atre/.venv/bin/{atre,atre-boot-choice} "$root/usr/bin/"
mkdir -p "$root/usr/share/atre" "$root/efi"
printf 'ID=atre\nID_LIKE=debian\nNAME="Âtre"\nPRETTY_NAME="Âtre %s"\nVERSION_ID=%s\nIMAGE_ID=atre\nIMAGE_VERSION=%s\n' \
    "$version" "$version" "$version" >"$root/usr/lib/os-release"
ln -sf ../usr/lib/os-release "$root/etc/os-release"
# Identities are made at the first start: two boxes of one image share none. An empty machine-id is
# filled in; a missing one would have systemd apply presets.
: >"$root/etc/machine-id"
rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_* "$root/var/lib/systemd/random-seed"
echo atre >"$root/etc/hostname"
ln -sf /run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"

# The box's user has one number in every version: it is in the office's data.
chroot "$root" groupadd --system --gid 900 atre
chroot "$root" useradd --system --uid 900 --gid atre --home-dir /var/lib/atre --no-create-home \
    --shell /usr/sbin/nologin --comment Âtre atre
chroot "$root" systemd-sysusers

# No shell to log in to, no package manager, nothing that runs behind the office's back.
chroot "$root" dpkg --purge --force-all dracut-core apt debian-archive-keyring >/dev/null
awk -F: '$7 ~ /sh$/ {print $1}' "$root/etc/passwd" | while read -r name; do
    chroot "$root" usermod --lock --shell /usr/sbin/nologin "$name"
done
# What RAUC's package might confirm by itself is the health gate's to confirm.
systemctl --root="$root" --quiet mask rauc-mark-good.service getty@.service serial-getty@.service getty.target \
    autovt@.service apt-daily.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    systemd-firstboot.service systemd-repart.service ssh.service rescue.service \
    ldconfig.service systemd-hwdb-update.service systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
systemctl --root="$root" --quiet enable systemd-networkd systemd-resolved media.mount fstrim.timer nftables \
    chrony smartmontools atre.service atre-ready.service atre-rapl.service atre-network.service \
    atre-provision.service atre-stick.path atre-stick-write.path atre-seal.path atre-disks.timer atre-clock.service \
    atre-console@tty1.service atre-health-gate.service efi.automount
systemctl --root="$root" --quiet disable systemd-networkd-wait-online.service nut-server.service nut-monitor.service
systemctl --root="$root" set-default multi-user.target

# What packages put into /var is copied to the office's partition at the first start.
mkdir -p "$root/usr/share/factory"
cp "$root/var/lib/dpkg/status" "$root/usr/share/atre/packages"
rm -rf "$root/var/lib/apt" "$root/var/cache/apt" "$root/var/lib/dpkg" "$root"/var/cache/debconf/* "$root"/var/log/*
rm -rf "$root/usr/share/factory/var"
mv "$root/var" "$root/usr/share/factory/var"
mkdir "$root/var"
find "$root/root" -mindepth 1 -type d -empty -delete # systemd-tmpfiles makes /root/.ssh
rm -rf "${root:?}"/boot/* "$root"/{vmlinuz,initrd.img}{,.old} "$root"/{src,build,lib32,libx32} \
    "$root/etc/apt" "$root/usr/lib/dracut" "${root:?}/tmp/"*

# Every file of the root has one time, which no .pyc recorded: Python would compile each module anew
# at each start. dm-verity already holds that they belong together (PEP 552, unchecked).
chroot "$root" python3 -m compileall -q -f -j 0 --invalidation-mode unchecked-hash \
    /usr/lib/python3 /usr/lib/python3.13 /opt/atre/.venv/lib

# Two boxes of one image share no key, name or log: what is found is in the log of this step.
python3 /src/image-build/sealed.py "$root"
