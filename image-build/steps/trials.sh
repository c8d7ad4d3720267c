#!/usr/bin/env bash
# Make the updates that `make image-test` tries on the built image of version $1, in /build/trials: the
# same system as the next version, and bundles that a box must refuse. Runs in the tools tree.
set -euo pipefail
version=$1
next=${version%.*}.$((${version##*.} + 1))
trials=/build/trials
steps=/src/image-build/steps
rm -rf "$trials"
mkdir -p "$trials"/{upper,work,slot,empty} /tmp/next

# The next version differs in nothing but what it says of itself.
mount -t overlay -o "lowerdir=/build/root,upperdir=$trials/upper,workdir=$trials/work" overlay /tmp/next
sed -i "s/^Version: $version\$/Version: $next/" /tmp/next/opt/atre/.venv/lib/python3*/site-packages/atre-*.dist-info/METADATA
sed -i "s/$version/$next/" /tmp/next/usr/lib/os-release
cp /build/slot/{vmlinuz,initrd.img} "$trials/slot/"
"$steps/slot.sh" /tmp/next "$trials/slot"
umount /tmp/next
"$steps/bundle.sh" "$next" "$trials/slot" "$trials/next.raucb"

# What must be refused is so before anybody reads its images: these hold next to nothing.
for image in boot.vfat root.img verity.img; do
    head -c 65536 /dev/urandom >"$trials/empty/$image"
done
"$steps/bundle.sh" 0.0.9 "$trials/empty" "$trials/older.raucb"
"$steps/bundle.sh" "$next" "$trials/empty" "$trials/small.raucb"
cd /tmp/bundle
sed -i 's/^compatible=.*/compatible=something-else/' manifest.raucm
authority=/build/development-ca
rauc --cert=$authority/bundle.crt --key=$authority/bundle.key bundle /tmp/bundle "$trials/compatible.raucb"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=somebody else" \
    -keyout /tmp/other.key -out /tmp/other.crt
sed -i "s/^compatible=.*/compatible=atre-$ATRE_MACHINE/" manifest.raucm
rauc --cert=/tmp/other.crt --key=/tmp/other.key bundle /tmp/bundle "$trials/stranger.raucb"
size=$(stat -c %s "$trials/small.raucb")
head -c $((size / 2)) "$trials/small.raucb" >"$trials/truncated.raucb"
# One bit of what the signature covers.
python3 - "$trials/small.raucb" "$trials/flipped.raucb" <<'PY'
import sys

data = bytearray(open(sys.argv[1], "rb").read())
data[70000] ^= 1
open(sys.argv[2], "wb").write(data)
PY
rm -r "$trials"/{upper,work,empty}

# Two USB sticks: one as an office has it, one whose files nobody takes by himself.
mkfs.vfat -C -n UPDATE --invariant "$trials/update.stick" $((640 * 1024))
mcopy -i "$trials/update.stick" "$trials/next.raucb" ::/
mkfs.vfat -C -n REFUSED --invariant "$trials/refused.stick" $((64 * 1024))
mmd -i "$trials/refused.stick" ::/refused
mcopy -i "$trials/refused.stick" "$trials"/{older,compatible,stranger,truncated,flipped}.raucb ::/refused/
echo "$next" >"$trials/version"
