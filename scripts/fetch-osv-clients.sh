#!/bin/sh
# Makes an environment of clients of OSV's interface, pinned by version and digest, and prints its folder of programs. Without
# Python, the network or wheels for this machine it says so and prints nothing, and the test that needs them skips aloud.
set -eu

cd "$(dirname "$0")/.."
data="${CARGO_TARGET_DIR:-target}/test-data"
mkdir -p "$data"
data=$(cd "$data" && pwd)
environment="$data/osv-clients"

if ! cmp -s scripts/osv-clients.txt "$environment/pins.txt"; then
    rm -rf "$environment"
    if ! "${WELLHEAD_PYTHON:-python3}" -m venv "$environment" >&2 ||
        ! "$environment/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --require-hashes -r scripts/osv-clients.txt >&2; then
        rm -rf "$environment"
        echo "skipped: pip-audit and uv cannot be installed, so the test that runs them skips" >&2
        exit 0
    fi
    cp scripts/osv-clients.txt "$environment/pins.txt"
fi
echo "$environment/bin"
