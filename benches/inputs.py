"""Makes the inputs of the benchmarks: the same bytes every time, nothing downloaded, no torch needed.

    python3 benches/inputs.py FOLDER [SHARED]

What is there already is left alone. SHARED is the folder with the advisory data (default: ../shared).
"""

import io
import json
import pickle
import random
import shutil
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

MIB = 1 << 20


def written(path: Path):
    """A temporary name beside `path`; rename it when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".part")


class Storage:
    """What a tensor's persistent id names: a type of storage, a key, a number of elements."""

    def __init__(self, key: str, elements: int):
        self.key, self.elements = key, elements


class Tensor:
    """Pickles as torch pickles a tensor, by calling `torch._utils._rebuild_tensor_v2`."""

    def __init__(self, storage: Storage):
        self.storage = storage

    def __reduce__(self):
        n = self.storage.elements
        return sys.modules["torch._utils"]._rebuild_tensor_v2, (
            self.storage,
            0,
            (n // 1024, 1024),
            (1024, 1),
            False,
            OrderedDict(),
        )


def torch_zip(path: Path, tensors: int = 64, mebibytes: int = 16) -> None:
    """A checkpoint as `torch.save` writes it: one small pickle, stored tensors, no compression."""
    torch = types.ModuleType("torch")
    utils = types.ModuleType("torch._utils")

    def _rebuild_tensor_v2():
        pass

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    float_storage = type("FloatStorage", (), {"__module__": "torch"})
    torch.FloatStorage = float_storage
    sys.modules.update({"torch": torch, "torch._utils": utils})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", float_storage, value.key, "cpu", value.elements)
            return None

    state = OrderedDict(
        (f"layers.{i}.weight", Tensor(Storage(str(i), mebibytes * MIB // 4))) for i in range(tensors)
    )
    data = io.BytesIO()
    try:
        Pickler(data, protocol=2).dump(state)
    finally:
        del sys.modules["torch"], sys.modules["torch._utils"]

    block = random.Random(7).randbytes(MIB)
    part = written(path)
    with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:

        def member(name: str):
            return zipfile.ZipInfo(f"archive/{name}", date_time=(1980, 1, 1, 0, 0, 0))

        archive.writestr(member("data.pkl"), data.getvalue())
        archive.writestr(member("byteorder"), b"little")
        for i in range(tensors):
            with archive.open(member(f"data/{i}"), "w", force_zip64=True) as out:
                for _ in range(mebibytes):
                    out.write(block)
        archive.writestr(member("version"), b"3\n")
    part.rename(path)


def many_objects(path: Path, objects: int = 3_950_000) -> None:
    """One pickle of millions of small objects: dictionaries of a name, a number and a list."""
    rng = random.Random(11)
    rows = [
        {"id": i, "name": f"sample-{i:07d}", "weight": rng.random(), "tags": ["train", i % 17]}
        for i in range(objects)
    ]
    part = written(path)
    with open(part, "wb") as out:
        pickle.dump(rows, out, protocol=4)
    part.rename(path)


def tree(path: Path, files: int = 5_000) -> None:
    """Thousands of small pickles in a tree, as an experiment tracker leaves them."""
    part = written(path)
    shutil.rmtree(part, ignore_errors=True)
    rng = random.Random(13)
    for i in range(files):
        folder = part / f"run-{i // 100:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        value = {
            "run": i,
            "metrics": {f"m{k}": rng.random() for k in range(24)},
            "labels": [f"class-{k}" for k in range(24)],
            "done": True,
        }
        (folder / f"state-{i:04d}.pkl").write_bytes(pickle.dumps(value, protocol=4))
    part.rename(path)


def many_opcodes(path: Path, rows: int = 2_000_000) -> None:
    """One pickle of 46 million opcodes, 23 a row: keys from the memo, short texts, small numbers."""
    part = written(path)
    with open(part, "wb") as out:
        pickler = pickle.Pickler(out, protocol=2)
        pickler.dump([{"id": f"{i:013d}", "x": i * 0.5, "t": list(range(9))} for i in range(rows)])
    part.rename(path)


def one_small(path: Path) -> None:
    """What a small experiment leaves: a few numbers and names."""
    path.write_bytes(pickle.dumps({"lr": 1e-3, "steps": list(range(100)), "name": "run-1"}, protocol=4))


def safetensors(path: Path, tensors: int = 64, mebibytes: int = 16) -> None:
    """A 1 GB safetensors file, without the library."""
    size = mebibytes * MIB
    header = {
        f"layers.{i}.weight": {"dtype": "F32", "shape": [size // 4096, 1024], "data_offsets": [i * size, (i + 1) * size]}
        for i in range(tensors)
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = random.Random(7).randbytes(MIB)
    part = written(path)
    with open(part, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for _ in range(tensors * mebibytes):
            out.write(block)
    part.rename(path)


def npy(path: Path, mebibytes: int = 286) -> None:
    """A 300 MB array of numbers."""
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({mebibytes * MIB // 8},), }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    block = random.Random(7).randbytes(MIB)
    part = written(path)
    with open(part, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
        for _ in range(mebibytes):
            out.write(block)
    part.rename(path)


def joblib_files(folder: Path) -> None:
    """What joblib writes: nine arrays as they are, and two compressed. Needs joblib and numpy."""
    import joblib
    import numpy

    rng = numpy.random.default_rng(7)
    for name, arrays, elements, compress in (("arrays-302mb.joblib", 9, 4_194_304, 0), ("zlib-16mb.joblib", 2, 1_048_576, 3)):
        path = folder / name
        if not path.exists():
            part = written(path)
            joblib.dump({f"a{i}": rng.random(elements) for i in range(arrays)}, part, compress=compress)
            part.rename(path)


def lock(path: Path, shared: Path) -> None:
    """The 345-package project, alone in a folder."""
    part = written(path)
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    shutil.copy(shared / "data/dependencies/mlproj/uv.lock", part / "uv.lock")
    part.rename(path)


def main() -> None:
    folder = Path(sys.argv[1])
    if "--joblib" in sys.argv:
        joblib_files(folder)
        return
    shared = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent.parent.parent / "shared"
    for name, make in {
        "torch-1gb.pt": torch_zip,
        "objects-200mb.pkl": many_objects,
        "opcodes-46m.pkl": many_opcodes,
        "small.pkl": one_small,
        "weights-1gb.safetensors": safetensors,
        "array-300mb.npy": npy,
        "tree": tree,
        "lock": lambda path: lock(path, shared),
    }.items():
        path = folder / name
        if not path.exists():
            print(f"making {path}", file=sys.stderr)
            make(path)


if __name__ == "__main__":
    main()
