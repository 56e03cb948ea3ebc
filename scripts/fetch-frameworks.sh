#!/bin/sh
# Makes an environment of the frameworks that write files for tests, pinned by version and digest, and prints its Python. Without
# Python, the network or wheels for this machine it says so and prints nothing, and the tests that need them skip aloud.
set -eu

cd "$(dirname "$0")/.."
data="${CARGO_TARGET_DIR:-target}/test-data"
mkdir -p "$data"
data=$(cd "$data" && pwd)
environment="$data/frameworks"

if ! cmp -s scripts/frameworks.txt "$environment/pins.txt"; then
    rm -rf "$environment"
    if ! "${WELLHEAD_PYTHON:-python3}" -m venv "$environment" >&2 ||
        ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --require-hashes -r scripts/frameworks.txt >&2; then
        rm -rf "$environment"
        echo "skipped: the frameworks cannot be installed, so tests on files that they write skip" >&2
        exit 0
    fi
    cp scripts/frameworks.txt "$environment/pins.txt"
fi
echo "$environment/bin/python"
