#!/usr/bin/env bash
# Sign the slot of the folder $2, of version $1, as a RAUC bundle $3 for boxes of this kind. Runs in the
# tools tree. Without ATRE_BUNDLE_KEY and ATRE_BUNDLE_CERT a development authority, made here once and
# never committed, signs; boxes take its bundles only if their image was built here too.
set -euo pipefail
version=$1 slot=$2 bundle=$3
authority=/build/development-ca
key=${ATRE_BUNDLE_KEY:-$authority/bundle.key}
cert=${ATRE_BUNDLE_CERT:-$authority/bundle.crt}

rm -rf /tmp/bundle "$bundle"
mkdir /tmp/bundle
for image in boot.vfat root.img verity.img; do
    cp --reflink=auto "$slot/$image" /tmp/bundle/
done
python3 /src/image-build/rauc/manifest.py "$version" >/tmp/bundle/manifest.raucm
rauc --cert="$cert" --key="$key" bundle /tmp/bundle "$bundle"
rauc --keyring="$authority/ca.crt" info "$bundle"
