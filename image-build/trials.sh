#!/usr/bin/env bash
# Make the updates that `make image-test` tries, unless they are of the built image already.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=/dev/null
. image-build/architecture.sh
build=$ATRE_BUILD
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -1)
[ -e "$build/disk.raw" ] || { echo "image: there is no image to try; make image builds it" >&2; exit 1; }
[ "$build/trials/version" -nt "$build/disk.raw" ] && exit 0
echo "image: the updates to try, once for this image"
if ! image-build/enter "$build/tools" "$build" /src/image-build/steps/trials.sh "$version" >"$build/logs/trials" 2>&1; then
    tail -n 25 "$build/logs/trials" >&2
    exit 1
fi
