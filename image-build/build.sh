#!/usr/bin/env bash
# Build the image of this checkout into build/image/out: `make image`. As root on Debian 12 or 13,
# with nothing but apt and pip; README.md beside this file says what it makes and how long it takes.
set -euo pipefail
cd "$(dirname "$0")/.."
here=image-build
# shellcheck source=/dev/null
. image-build/architecture.sh
build=$ATRE_BUILD
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml | head -1)
name=atre-$version-$ATRE_MACHINE
mkdir -p "$build"/{sources,wheels,slot,logs,out}
[ "$(id -u)" = 0 ] || { echo "image: this needs root: it makes file systems of another Debian" >&2; exit 1; }

# Run a step under a name: its output goes to a log, its time to times.txt.
step() {
    local label=$1 began=$SECONDS
    shift
    printf 'image: %s' "$label"
    if ! "$@" >"$build/logs/$label" 2>&1; then
        echo; tail -n 25 "$build/logs/$label" >&2
        echo "image: $label failed; all of it is in build/image/logs/$label" >&2
        exit 1
    fi
    printf ' (%d s)\n' $((SECONDS - began))
    printf '%s\t%d\n' "$label" $((SECONDS - began)) >>"$build/times.txt"
}

# Run a step only if the files that it depends on changed since it last succeeded.
step_once() {
    local label=$1 inputs=$2 stamp
    stamp=$build/$label.made-from
    # shellcheck disable=SC2086 # a list of files
    if [ -e "$stamp" ] && [ "$(cat $inputs | sha256sum)" = "$(cat "$stamp")" ]; then return; fi
    rm -f "$stamp"
    step "$label" "${@:3}"
    # shellcheck disable=SC2086
    cat $inputs | sha256sum >"$stamp"
}
lists() { echo "$here/$1.txt" "$here/$1.$ATRE_ARCH.txt"; }
in_tools() { "$here/enter" "$build/tools" "$build" "$@"; }

fetch_llama() {
    rm -f "$build"/sources/llama_cpp_python-*
    python3 -m venv "$build/pip"
    "$build/pip/bin/python" -m pip download --no-deps --no-binary llama-cpp-python --dest "$build/sources" \
        --constraint .ci/constraints.txt llama-cpp-python
    sha256sum "$build"/sources/llama_cpp_python-* | cut -d' ' -f1 >"$build/sources/sha256"
}
copy_base() { rm -rf "$build/root" && cp -a "$build/base" "$build/root"; }
make_llama() { rm -f "$build"/wheels/llama_cpp_python-* && in_tools /src/$here/steps/llama.sh; }

: >"$build/times.txt"
.ci/install-test-packages image-packages.txt
step_once tools "$here/debian.sh $(lists tools-packages)" "$here/debian.sh" "$build/tools" "$here/tools-packages.txt"
step_once sources ".ci/constraints.txt" fetch_llama
step_once llama "$here/steps/llama.sh $(lists tools-packages) $build/sources/sha256" make_llama
step_once base "$here/debian.sh $(lists packages)" "$here/debian.sh" "$build/base" "$here/packages.txt" \
    --skip=cleanup/apt --dpkgopt='path-exclude=/etc/kernel/postinst.d/*'
step authority in_tools /src/$here/steps/authority.sh
step wheels "$here/steps/wheels.sh" "$build/wheels" "$build/pip"
step initrd "$here/enter" "$build/base" "$build" /src/$here/steps/boot.sh
step copy copy_base
step root in_tools /src/$here/steps/root.sh "$version"
step slot in_tools /src/$here/steps/slot.sh /build/root /build/slot
step disk in_tools /src/$here/steps/disk.sh
step bundle in_tools /src/$here/steps/bundle.sh "$version" /build/slot "/build/out/$name.raucb"
step inventory python3 "$here/inventory.py" "$build" "$version"
step compress zstd --quiet --force -T0 -9 "$build/disk.raw" -o "$build/out/$name.raw.zst"
(cd "$build/out" && sha256sum -- *[!S] >SHA256SUMS)
ls -l "$build/out"
