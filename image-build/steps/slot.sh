#!/usr/bin/env bash
# Make of /build/root the image of a read-only root and the hashes that verify it, in /build/slot. Runs
# in the tools tree.
set -euo pipefail
slot=/build/slot
rm -f "$slot"/{root,verity}.img "$slot/roothash"
mkfs.erofs --quiet -zlz4hc,9 -C65536 -T0 --all-time -Eztailpacking "$slot/root.img" /build/root
veritysetup format --salt=- "$slot/root.img" "$slot/verity.img" | awk '/^Root hash:/ {print $3}' >"$slot/roothash"
