"""Measures the audit of packages beside GuardDog and hexora on the same wheels, and writes docs/benchmarks-packages.md.

    python3 benches/package_speed.py [--bin PATH] [--honest FOLDER] [--cache FOLDER] [--wheels N] [--runs N] [--no-write]

CPU seconds of whole processes, children included, as the kernel counts them; medians, and the tools take turns. The wheels are
those of `packages.txt` that lie in the cache of benches/packages.py, the smallest ones of Python alone first left out, so that
no tool is measured by its start. The other tools get what they can read: GuardDog an unpacked folder for each wheel and one
process for all, with its rules on source alone (its metadata rules wait for a network), hexora the wheels as `.zip`. "Remembered" is every run after the first over the same files.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from run import measure, middle, processor, seconds, size

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
SMALL = "einops"
GUARDDOG = """
import sys, os
from guarddog.analyzer.analyzer import Analyzer
from guarddog.ecosystems import ECOSYSTEM
analyzer = Analyzer(ecosystem=ECOSYSTEM.PYPI)
for folder in sys.argv[1:]:
    analyzer.analyze_sourcecode(folder)
"""
HEXORA = """
import sys, hexora
for path in sys.argv[1:]:
    hexora.audit_file(path)
"""


def tools(folder: Path) -> Path:
    """An environment that holds the other tools."""
    wanted = HERE / "package-auditors.txt"
    python = folder / "bin/python"
    stamp = folder / "made.txt"
    if not (stamp.exists() and stamp.read_text() == wanted.read_text()):
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", "--no-deps", "-r", wanted], check=True)
        stamp.write_text(wanted.read_text())
    return python


def chosen(honest: Path, count: int) -> list:
    """Wheels of the pinned list with the most Python in them that are not larger than what any tool ends with."""
    rows = []
    for line in (HERE / "packages.txt").read_text().splitlines():
        path = honest / line.split(" ")[0]
        if line.startswith("#") or path.suffix != ".whl" or not path.exists():
            continue
        with zipfile.ZipFile(path) as wheel:
            source = sum(i.file_size for i in wheel.infolist() if i.filename.endswith(".py"))
        rows.append((source, path))
    rows.sort(key=lambda r: (-r[0], r[1].name))
    # One release of each project: several of one would count its code twice.
    seen, out = set(), []
    for source, path in rows:
        name = path.name.split("-")[0].lower()
        if name not in seen and source < 12 << 20:
            seen.add(name)
            out.append((source, path))
    return out[:count]


def unpacked(wheels: list, folder: Path) -> tuple:
    """What the other tools can read: folders and `.zip` files. Nothing of it is imported."""
    folders, zips = [], []
    for _, path in wheels:
        target = folder / "folders" / path.stem
        if not target.exists():
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(target)
        copy = folder / "zips" / f"{path.stem}.zip"
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copy(path, copy)
        folders.append(str(target))
        zips.append(str(copy))
    return folders, zips


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", help="the program; built with the release profile where not given")
    parser.add_argument("--honest", default="~/.cache/wellhead-benches/honest")
    parser.add_argument("--cache", default="~/.cache/wellhead-benches/package-speed")
    parser.add_argument("--wheels", type=int, default=66)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--timeout", type=int, default=900)
    parser.add_argument("--no-write", action="store_true")
    args = parser.parse_args()
    binary = args.bin
    if not binary:
        subprocess.run(["cargo", "build", "--release", "-p", "wellhead"], cwd=ROOT, check=True)
        binary = str(ROOT / "target/release/wellhead")
    cache, honest = Path(args.cache).expanduser(), Path(args.honest).expanduser()
    cache.mkdir(parents=True, exist_ok=True)
    python = str(tools(cache / "tools"))
    wheels = chosen(honest, args.wheels)
    if len(wheels) < 30:
        sys.exit("fewer than 30 wheels are there: run benches/packages.py --fetch first")
    small = next((w for w in wheels_named(honest, SMALL)), wheels[-1][1])
    folders, zips = unpacked(wheels, cache)
    small_folder, small_zip = unpacked([(0, small)], cache)
    env = {"PATH": os.environ["PATH"], "HOME": str(cache), "LANG": "C.UTF-8"}
    audit = [binary, "audit", "--isolated", "--no-progress", "--exit-zero"]
    cold = [*audit, "--no-cache"]
    paths = [str(p) for _, p in wheels]
    cases = [
        (f"{len(wheels)} wheels, {sum(s for s, _ in wheels) / 1e6:.0f} MB of Python", {
            "wellhead": cold + paths,
            "wellhead, remembered": audit + paths,
            "GuardDog": [python, "-c", GUARDDOG, *folders],
            "hexora": [python, "-c", HEXORA, *zips],
        }),
        (f"one small wheel, whole process: `{small.name}`", {
            "wellhead": cold + [str(small)],
            "wellhead, remembered": audit + [str(small)],
            "GuardDog": [python, "-c", GUARDDOG, *small_folder],
            "hexora": [python, "-c", HEXORA, *small_zip],
        }),
    ]
    versions = {}
    for line in (HERE / "package-auditors.txt").read_text().splitlines():
        name, _, rest = line.partition("==")
        versions[name] = rest.split(" ")[0]
    lines = [
        "# Benchmarks of packages",
        "",
        "Written by `python3 benches/package_speed.py`. CPU seconds of whole processes, start-up included; medians. Compare",
        "ratios, not seconds.",
        "",
        f"Measured on {os.cpu_count()} cores of {processor()}, load {os.getloadavg()[0]:.1f} at the start; "
        f"GuardDog {versions['guarddog']} (source rules), hexora {versions['hexora']} on Python {platform.python_version()}.",
        "",
    ]
    for title, commands in cases:
        runs = {tool: [] for tool in commands}
        for turn in range(args.runs + 1):
            for tool, argv in commands.items():
                if turn > 1 and runs[tool] and runs[tool][-1].cpu > 60:
                    continue
                m = measure(argv, env, args.timeout)
                print(f"{title[:20]} {tool} {turn}: {m}", file=sys.stderr)
                if turn > 0:
                    runs[tool].append(m)
        results = {tool: middle(r) for tool, r in runs.items()}
        own = results["wellhead"]
        lines += [f"## {title}", "", "| tool | CPU | wall | memory | CPU beside wellhead |", "|---|---|---|---|---|"]
        for tool, m in results.items():
            ended = "" if m.finished else " (not finished)"
            lines.append(f"| {tool} | {seconds(m.cpu)}{ended} | {seconds(m.wall)} | {size(m.rss)} | {m.cpu / own.cpu:.1f} × |")
        lines.append("")
    text = "\n".join(lines)
    print(text)
    if not args.no_write:
        (ROOT / "docs/benchmarks-packages.md").write_text(text)


def wheels_named(honest: Path, name: str) -> list:
    return sorted(honest.glob(f"{name}-*.whl"))


if __name__ == "__main__":
    main()
