#!/bin/sh
# Makes an environment of the installers that tests compare with (pip, uv, Poetry, PDM, Pipenv), pinned by version and digest,
# and prints its Python. Without Python, the network or wheels for this machine it says so and prints nothing, and the tests
# that need them skip aloud.
set -eu

cd "$(dirname "$0")/.."
data="${CARGO_TARGET_DIR:-target}/test-data"
mkdir -p "$data"
data=$(cd "$data" && pwd)
environment="$data/clients"
# Tests that run beside each other wait for the one that installs.
exec 9>"$data/clients.lock"
flock 9 2>/dev/null || true

if ! cmp -s scripts/clients.txt "$environment/pins.txt"; then
    rm -rf "$environment"
    if ! "${WELLHEAD_PYTHON:-python3}" -m venv "$environment" >&2 ||
        ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --require-hashes -r scripts/clients.txt >&2; then
        rm -rf "$environment"
        echo "skipped: the installers cannot be installed, so tests that compare with them skip" >&2
        exit 0
    fi
    cp scripts/clients.txt "$environment/pins.txt"
fi
echo "$environment/bin/python"
