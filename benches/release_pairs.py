"""Runs `wellhead diff` over consecutive honest releases of popular packages, and says how often it complains.

    python3 benches/release_pairs.py [--bin PATH] [--cache FOLDER] [--fetch] [--pairs FILE] [--jobs N] [--json FILE]

The pairs are pinned in `benches/release_pairs.txt`. `--fetch` has pip's own client download the wheels that are missing;
nothing is built, installed, unpacked or imported. Three answers: *block* is a critical finding, *review* one of high or medium severity,
*none* the rest, what is only listed included.
"""

import argparse
import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from packages import share  # noqa: E402


def normal(name: str) -> str:
    return name.replace("-", "_").replace(".", "_").lower()


def wheel_of(cache: Path, name: str, version: str):
    """The wheel of a release in the cache."""
    for path in sorted(cache.glob("*.whl")):
        parts = path.name.split("-")
        if normal(parts[0]) == normal(name) and parts[1] == version:
            return path
    return None


def fetch(cache: Path, name: str, version: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "-d", str(cache)]
        + [f"{name}=={version}"],
        check=False,
        stdin=subprocess.DEVNULL,
    )


def compare(job: tuple) -> dict:
    binary, old, new = job
    argv = [binary, "diff", str(old), str(new), "--format", "json", "--fail-on", "never", "--no-progress"]
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.PIPE, cwd="/", env={"PATH": "/usr/bin:/bin"})
        errors = child.stderr.read().decode("utf-8", "replace")
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    row = {"pair": f"{old.name} -> {new.name}", "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss}
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        return {**row, "answer": "unread", "why": errors.strip() or f"exit code {child.returncode}", "findings": []}
    findings = [f for f in report["findings"] if f.get("status", "reported") == "reported"]
    severities = {f["severity"] for f in findings}
    answer = "block" if "critical" in severities else "review" if severities & {"high", "medium"} else "none"
    partly = [c.get("why") for c in report["coverage"] if c["outcome"] != "analysed" and c["artifact"].count("!/") == 0]
    return {**row, "answer": answer, "findings": findings, "why": partly[0] if partly else None}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", default="target/release/wellhead")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache/wellhead-benches/pairs")
    parser.add_argument("--pairs", type=Path, default=HERE / "release_pairs.txt")
    parser.add_argument("--fetch", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    lines = [line.split() for line in options.pairs.read_text().splitlines() if line.strip() and line[0] != "#"]
    jobs, missing = [], []
    for name, old, new in lines:
        paths = []
        for version in (old, new):
            if wheel_of(options.cache, name, version) is None and options.fetch:
                fetch(options.cache, name, version)
            paths.append(wheel_of(options.cache, name, version))
        if None in paths:
            missing.append(f"{name} {old} {new}")
        else:
            jobs.append((str(Path(options.bin).resolve()), *paths))
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        rows = []
        for row in pool.map(compare, jobs):
            rows.append(row)
            print(f"{row['answer']:6} {row['cpu']:6.1f} s {row['pair']}", file=sys.stderr, flush=True)
    total = len(rows)
    for pair in missing:
        print(f"missing: {pair}", file=sys.stderr)
    for answer in ("block", "review", "unread"):
        print(f"{answer:8} {share(sum(r['answer'] == answer for r in rows), total)}")
    listed = sum(bool(r["findings"]) for r in rows)
    print(f"{'told':8} {share(listed, total)} (what is only listed included)")
    cpu = sum(r["cpu"] for r in rows)
    if rows:
        slowest = max(rows, key=lambda r: r["cpu"])
        largest = max(r["rss"] for r in rows)
        print(f"{cpu:.1f} CPU s, slowest {slowest['cpu']:.1f} s ({slowest['pair']}), at most {largest / 1024:.0f} MiB", end="")
        print(f", {time.monotonic() - started:.0f} s in all")
    for row in rows:
        if row["answer"] == "none" and not row["why"]:
            continue
        print(f"\n{row['answer']}: {row['pair']}" + (f" (partly: {row['why']})" if row["why"] else ""))
        for finding in row["findings"]:
            if finding["severity"] in ("critical", "high", "medium"):
                score = (finding.get("properties") or {}).get("score", "")
                print(f"  {finding['severity']} {finding['rule']} {score}: {finding['message']}")
                for note in finding.get("notes", [])[:4]:
                    print(f"    {note}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
