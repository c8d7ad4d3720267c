#!/usr/bin/env bash
# Gather in the folder $1 what the image's Python environment is made of: this checkout as a wheel
# and the wheels that it needs, in the versions of .ci/constraints.txt, for Debian 13's Python.
set -euo pipefail
wheels=$1 pip_home=$2
[ -x "$pip_home/bin/python" ] || python3 -m venv "$pip_home"
pip=("$pip_home/bin/python" -m pip --disable-pip-version-check --quiet)
rm -f "$wheels"/atre-*.whl
"${pip[@]}" wheel --no-deps --wheel-dir "$wheels" .
platforms=()
for platform in manylinux_2_34 manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 linux; do
    platforms+=(--platform "${platform}_$ATRE_WHEELS")
done
"${pip[@]}" download --dest "$wheels" --find-links "$wheels" --only-binary=:all: "${platforms[@]}" \
    --implementation cp --python-version 3.13 --constraint .ci/constraints.txt "$wheels"/atre-*.whl
