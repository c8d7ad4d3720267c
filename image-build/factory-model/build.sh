#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Train the factory model again and print its evaluation. Arguments go to build.py.
set -eu
cd "$(dirname "$0")"
# PyTorch is needed by nobody who only runs the box: it gets a virtual environment of its own.
if [ ! -e build/venv/.ready ]; then
    "${PYTHON:-python3}" -m venv build/venv
    build/venv/bin/pip install --quiet --requirement requirements.txt
    # The handbook, whose answers are taught, without what the box itself needs.
    build/venv/bin/pip install --quiet --no-deps --editable ../..
    touch build/venv/.ready
fi
# On a machine that does other things too, threads that spin while they wait make each step
# several times slower.
OMP_WAIT_POLICY=PASSIVE build/venv/bin/python build.py "$@"
# llama.cpp comes from the project's own environment.
../../.venv/bin/python evaluate.py
