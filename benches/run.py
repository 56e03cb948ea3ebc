"""Measures wellhead end to end against other tools on the same inputs, and writes docs/benchmarks.md.

    python3 benches/run.py [--bin PATH] [--cache FOLDER] [--shared FOLDER] [--only NAME]… [--runs N] [--no-write]

Whole processes are measured, start-up included: wall time, CPU time of the process and its children, and the largest
resident set, as the kernel counts them. Each figure is the median of several runs after one that warms the caches; tools take
turns, so that a busy machine is unfair to all alike. A tool that does not end in time, or asks for more memory than it is
given, counts as "not finished", and the ratio as at least what it had used by then.
"""

import argparse
import json
import os
import platform
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import venv
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MEMORY = 10 << 30
"""Address space that a tool may use."""


@dataclass
class Measured:
    wall: float
    cpu: float
    rss: int
    code: int
    finished: bool


@dataclass
class Case:
    name: str
    title: str
    goal: str
    commands: dict
    timeout: int = 300
    bytes: int = 0
    results: dict = field(default_factory=dict)


def measure(argv: list, env: dict, timeout: int) -> Measured:
    """Runs one command to its end, or ends it after `timeout` seconds."""
    import time

    def limits():
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    start = time.perf_counter()
    child = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=env,
        preexec_fn=limits,
        # Some tools leave a report where they are started.
        cwd=tempfile.gettempdir(),
    )
    ended = threading.Event()
    late = threading.Event()

    def watch():
        if not ended.wait(timeout):
            late.set()
            os.kill(child.pid, signal.SIGKILL)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    _, status, used = os.wait4(child.pid, 0)
    ended.set()
    watcher.join()
    wall = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    child.returncode = code
    scale = 1 if sys.platform == "darwin" else 1024
    # A Python tool that runs out of memory dies with a traceback: exit code 1 beside gigabytes used.
    starved = code != 0 and used.ru_maxrss * scale > MEMORY * 0.7
    return Measured(wall, used.ru_utime + used.ru_stime, used.ru_maxrss * scale, code, not late.is_set() and not starved)


def middle(runs: list) -> Measured:
    return Measured(
        statistics.median(r.wall for r in runs),
        statistics.median(r.cpu for r in runs),
        max(r.rss for r in runs),
        runs[-1].code,
        all(r.finished for r in runs),
    )


def seconds(value: float) -> str:
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.1f} s"


def size(value: int) -> str:
    return f"{value / 1e6:.1f} MB" if value < 1e9 else f"{value / 1e9:.2f} GB"


def cases(binary: str, inputs: Path, tools: Path) -> list:
    def audit(path: Path, *more: str) -> list:
        return [binary, "audit", str(path), "--isolated", "--no-cache", "--no-progress", *more]

    torch, objects, tree, lock = (
        inputs / name for name in ("torch-1gb.pt", "objects-200mb.pkl", "tree", "lock")
    )
    opcodes, small, safetensors, npy, arrays, zlib = (
        inputs / name
        for name in (
            "opcodes-46m.pkl",
            "small.pkl",
            "weights-1gb.safetensors",
            "array-300mb.npy",
            "arrays-302mb.joblib",
            "zlib-16mb.joblib",
        )
    )

    def peers(path: Path, *names: str) -> dict:
        """The commands of other tools on one file."""
        every = {
            "picklescan": [picklescan, "--path", str(path)],
            "modelscan": [modelscan, "-p", str(path)],
            "fickling": [fickling, "--check-safety", str(path)],
            "modelaudit": [str(tools / "modelaudit"), "scan", str(path)],
        }
        return {name: every[name] for name in names or every}
    picklescan = str(tools / "picklescan")
    modelscan = str(tools / "modelscan")
    fickling = str(tools / "fickling")
    return [
        Case(
            "torch",
            "A 1 GB torch checkpoint: one small pickle, 64 stored tensors",
            "20 ms whole process, 20 MB resident",
            {
                "wellhead": audit(torch),
                "wellhead --full": audit(torch, "--full"),
                **peers(torch, "picklescan", "modelscan", "modelaudit"),
            },
            bytes=torch.stat().st_size,
        ),
        Case(
            "objects",
            f"A pickle of {objects.stat().st_size / 1e6:.0f} MB: 4 million small objects",
            "300 MB/s on one core; memory grows with memo entries only",
            {"wellhead": audit(objects), **peers(objects)},
            bytes=objects.stat().st_size,
        ),
        Case(
            "tree",
            "5,000 small pickles in a tree",
            "0.25 s of CPU",
            {"wellhead": audit(tree), **peers(tree, "picklescan", "modelscan", "modelaudit")},
        ),
        Case(
            "opcodes",
            f"A pickle of {opcodes.stat().st_size / 1e6:.0f} MB with 46 million opcodes",
            "1.5 s, 150 MB resident",
            {"wellhead": audit(opcodes), **peers(opcodes)},
            bytes=opcodes.stat().st_size,
        ),
        Case(
            "small",
            "One small pickle",
            "5 ms whole process",
            {"wellhead": audit(small), **peers(small)},
        ),
        Case(
            "safetensors",
            "A 1 GB safetensors file",
            "10 ms whole process",
            {"wellhead": audit(safetensors), **peers(safetensors)},
        ),
        Case(
            "npy",
            "A NumPy array of 300 MB",
            "20 ms whole process",
            {"wellhead": audit(npy), **peers(npy)},
        ),
        Case(
            "joblib",
            "A joblib file of 302 MB: nine arrays between the opcodes",
            "as for the checkpoint, and the arrays skipped exactly",
            {"wellhead": audit(arrays), **peers(arrays)},
        ),
        Case(
            "joblib-zlib",
            "A joblib file of two arrays, 16 MB before compression",
            "decompressed and read, which picklescan and modelscan do not",
            {"wellhead": audit(zlib), **peers(zlib)},
        ),
        Case(
            "lock",
            "A lock of 345 packages against 7,080 advisories",
            "15 ms whole process, 20 MB resident",
            {"wellhead": audit(lock)},
        ),
    ]


def table(case: Case) -> list:
    base = case.results["wellhead"]
    lines = [
        f"## {case.title}",
        "",
        *([f"Goal: {case.goal}."] if case.goal else []),
        "",
        "| tool | wall | CPU | largest resident set | exit code | CPU against wellhead |",
        "|---|---|---|---|---|---|",
    ]
    for tool, m in case.results.items():
        mark = "" if m.finished else "> "
        code = str(m.code) if m.finished else "not finished"
        ratio = m.cpu / max(base.cpu, 0.0005)
        lines.append(
            f"| {tool} | {mark}{seconds(m.wall)} | {mark}{seconds(m.cpu)} | {size(m.rss)} | {code} "
            f"| {mark}{ratio:.1f}× |"
        )
    if case.name == "objects" and base.cpu:
        lines += ["", f"wellhead reads {case.bytes / 1e6 / base.cpu:.0f} MB per second of CPU time."]
    return lines + [""]


def exactness(binary: str, lock: Path, env: dict, shared: Path) -> str:
    """Whether the lock's findings are those that the data's own list expects, one by one."""
    argv = [binary, "audit", str(lock), "--isolated", "--no-progress", "--format", "json"]
    report = json.loads(subprocess.run(argv, env=env, stdout=subprocess.PIPE).stdout)
    found = {
        (f["properties"]["package"], advisory)
        for f in report["findings"]
        if f["rule"] == "vulnerable-package"
        for advisory in f["properties"]["advisories"]
    }
    expected = {
        (package["name"], advisory["id"])
        for package in json.loads((shared / "data/dependencies/mlproj/expected-findings.json").read_text())["results"]
        for advisory in package["advisories"]
    }
    if found == expected:
        return f"All {len(expected)} expected findings are found, and no other."
    return f"Of {len(expected)} expected findings {len(expected - found)} are missing; {len(found - expected)} are not expected."


def processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown processor"


def prepare(args) -> tuple:
    cache = Path(args.cache).expanduser()
    inputs, tools = cache / "inputs", cache / "tools"
    subprocess.run([sys.executable, HERE / "inputs.py", inputs, args.shared], check=True)
    stamp = tools / "requirements.txt"
    wanted = (HERE / "requirements.txt").read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(tools, with_pip=True, clear=True)
        pip = [tools / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    # Files that only joblib itself writes are written by the joblib of that environment.
    subprocess.run([tools / "bin/python", HERE / "inputs.py", inputs, "--joblib"], check=True)
    binary = args.bin
    if not binary:
        subprocess.run(["cargo", "build", "--locked", "--release", "-p", "wellhead"], cwd=ROOT, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", str(ROOT / "target"))
        binary = f"{target}/release/wellhead"
    # The database is part of the set-up: it is imported once and then only read.
    env = {"PATH": os.environ["PATH"], "HOME": str(cache), "LC_ALL": "C.UTF-8", "WELLHEAD_DATA_DIR": str(cache / "data")}
    advisories = Path(args.shared) / "data/advisories/PyPI-pysec-all.zip"
    subprocess.run([binary, "db", "import", advisories], env=env, check=True, stdout=subprocess.DEVNULL)
    return binary, inputs, tools / "bin", env


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", help="the program; built with the release profile where not given")
    parser.add_argument("--cache", default="~/.cache/wellhead-benches")
    parser.add_argument("--shared", default=os.environ.get("WELLHEAD_SHARED", str(ROOT.parent / "shared")))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--timeout", type=int, default=300)
    parser.add_argument("--no-write", action="store_true")
    args = parser.parse_args()
    binary, inputs, tools, env = prepare(args)

    lines = [
        "# Benchmarks",
        "",
        "Written by `python3 benches/run.py`, which makes the inputs, installs the other tools, measures all of them in one run",
        "and writes this page. Whole processes, start-up included; medians. Compare ratios, not seconds: the machine is shared.",
        "",
        f"Measured on {os.cpu_count()} cores of {processor()}, load {os.getloadavg()[0]:.1f} at the start; "
        f"picklescan 1.0.5, modelscan 0.8.8, fickling 0.1.12, modelaudit 0.2.54 on Python {platform.python_version()}.",
        "",
    ]
    for case in cases(binary, inputs, tools):
        if args.only and case.name not in args.only:
            continue
        runs = {tool: [] for tool in case.commands}
        slow = set()
        for turn in range(args.runs + 1):
            for tool, argv in case.commands.items():
                if tool in slow:
                    continue
                m = measure(argv, env, args.timeout)
                print(f"{case.name} {tool} {turn}: {m}", file=sys.stderr)
                # One run says enough of a command that takes ten seconds or does not end.
                if not m.finished or m.wall > 10:
                    slow.add(tool)
                    runs[tool] = [m]
                elif turn > 0:
                    runs[tool].append(m)
        case.results = {tool: middle(r) for tool, r in runs.items()}
        lines += table(case)
        if case.name == "lock":
            lines += [exactness(binary, inputs / "lock", env, Path(args.shared)), ""]
    text = "\n".join(lines)
    print(text)
    if not args.no_write and not args.only:
        (ROOT / "docs/benchmarks.md").write_text(text)


if __name__ == "__main__":
    main()
