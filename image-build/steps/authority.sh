#!/usr/bin/env bash
# Make the development authority that signs bundles and that the image trusts, once: /build/development-ca.
# A release takes ATRE_KEYRING, the certificate of the real one. Runs in the tools tree.
set -euo pipefail
folder=/build/development-ca
[ -e "$folder/bundle.crt" ] && exit 0
rm -rf "$folder"
mkdir -m 700 "$folder"
cd "$folder"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7300 -keyout ca.key -out ca.crt \
    -subj "/CN=atre development authority" -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout bundle.key -out bundle.csr -subj "/CN=atre development bundles"
printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=emailProtection,codeSigning\n' >extensions
openssl x509 -req -in bundle.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 7300 -extfile extensions -out bundle.crt
rm bundle.csr extensions
