#!/bin/sh
# Fetches what tests compare with and what may not be committed, into target/test-data. Pinned by version and digest;
# without the registry's client or the network it says so, and the tests that need the data skip aloud.
set -eu

cd "$(dirname "$0")/.."
data="${CARGO_TARGET_DIR:-target}/test-data"
mkdir -p "$data"

# The official schema of SARIF 2.1.0, as an npm package of its editors ships it.
package='@microsoft/jest-sarif@1.0.0-beta.0'
archive_digest='748e2c3d1a842e7bb258416685c7ea3a0da40005b72267b2052c2856d48ad102'
member='package/lib/schemas/sarif-2.1.0-rtm.5.json'
schema="$data/sarif-schema-2.1.0.json"
schema_digest='2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8'

check() {
    echo "$2  $1" | sha256sum --check --status
}

# Chat templates of popular models, as a wheel of a tool for them ships them.
wheel='ggufdoctor-0.3.0-py3-none-any.whl'
wheel_digest='ce27c263f206c5666554086081504f2c75cf1309bc3cc512f8d85047a369c398'
templates="$data/chat-templates.json"
templates_digest='d39a959c8ec511b0335aa86d6f4da6f3175db8ed2f2212fdaf65c29d0e6dc741'

fetch_templates() {
    if [ -f "$templates" ] && check "$templates" "$templates_digest"; then
        return
    fi
    folder=$(mktemp -d)
    if ! "${PYTHON:-python3}" -m pip download --quiet --no-deps --only-binary :all: --dest "$folder" 'ggufdoctor==0.3.0' \
        >/dev/null 2>&1; then
        echo "skipped: ggufdoctor 0.3.0 cannot be fetched, so $templates is not there" >&2
    elif ! check "$folder/$wheel" "$wheel_digest"; then
        echo "error: $wheel is not the wheel that was pinned" >&2
        exit 1
    else
        "${PYTHON:-python3}" -m zipfile -e "$folder/$wheel" "$folder/wheel"
        mv "$folder/wheel/ggufdoctor/ollama_data/index.json" "$templates"
    fi
    rm -rf "$folder"
}
fetch_templates

if [ -f "$schema" ] && check "$schema" "$schema_digest"; then
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "skipped: npm is not installed, so $schema is not fetched" >&2
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! (cd "$work" && npm pack --silent --ignore-scripts "$package" >/dev/null 2>&1); then
    echo "skipped: $package cannot be fetched, so $schema is not there" >&2
    exit 0
fi
archive=$(echo "$work"/*.tgz)
if ! check "$archive" "$archive_digest"; then
    echo "error: $package is not the archive that was pinned" >&2
    exit 1
fi
tar -xzf "$archive" -C "$work" "$member"
if ! check "$work/$member" "$schema_digest"; then
    echo "error: the schema in $package is not the one that was pinned" >&2
    exit 1
fi
mv "$work/$member" "$schema"
