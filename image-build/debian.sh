#!/usr/bin/env bash
# Make a tree of Debian 13 for ATRE_ARCH in the folder $1 out of the packages that the list $2 names and
# the list beside it with that architecture in its name; further arguments go to mmdebstrap. The archive
# is the one of this machine's own apt.
set -euo pipefail
tree=$1 list=$2
shift 2
here=$(dirname "$0")
release=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

site=$("$here/../.ci/debian-archive")
security=$("$here/../.ci/debian-archive" Debian-Security)
[ -n "$site" ] || { echo "image: apt knows no archive of Debian; see sources.list(5)" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
{
    echo "deb [signed-by=$keyring] $site $release main non-free-firmware"
    echo "deb [signed-by=$keyring] $site $release-updates main non-free-firmware"
    [ -z "$security" ] || echo "deb [signed-by=$keyring] $security $release-security main non-free-firmware"
} >"$work/sources.list"
# How this machine reaches the archive (a proxy, say) counts for the tree too while it is made.
apt-config dump Acquire --format '%F "%v";%n' |
    grep -iE '::(proxy[^ ]*|retries|timeout|check-valid-until|check-date) "[^"]' >"$work/acquire" || true
packages=$(grep -hvE '^(#|$)' "$list" "${list%.txt}.$ATRE_ARCH.txt" | paste -sd,)

rm -rf "$tree"
mmdebstrap --quiet --architectures="$ATRE_ARCH" --mode=root --variant=apt --format=directory --include="$packages" \
    --hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr \
    --aptopt='APT::Install-Recommends "false"' --aptopt="$work/acquire" \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' --dpkgopt='force-unsafe-io' \
    "$@" "$release" "$tree" "$work/sources.list"
