"""Runs wellhead and four other scanners over the same cases, and writes docs/detection.md.

    python3 benches/detection.py [--bin PATH] [--cache FOLDER] [--corpus FOLDER] [--tool NAME]… [--honest FOLDER] [--no-write]

The cases are made from the readable listings of `benches/corpus` and of the rules' pages by `wellhead-dev corpus`; nothing
of them is ever loaded. Each tool is asked of each case by its own library (wellhead by its command), in one process a tool,
and says one of three things: found, nothing, or that it could not read the case. A tool that cannot read a case has not
cleared it, so that is counted on its own. `--honest` adds a folder of real models, on which the right answer is nothing.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import venv
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PEERS = ("picklescan", "modelscan", "fickling", "modelaudit")

DRIVER = r'''
import json, os, sys

def files(path):
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(d, f) for d, _, names in os.walk(path) for f in names]

def picklescan(path):
    from picklescan.scanner import scan_directory_path, scan_file_path
    r = scan_directory_path(path) if os.path.isdir(path) else scan_file_path(path)
    if r.infected_files or r.issues_count:
        return "found"
    return "error" if r.scan_err else "clean"

def modelscan(path):
    from modelscan.modelscan import ModelScan
    r = ModelScan().scan(path)
    if r["summary"]["total_issues"]:
        return "found"
    return "error" if r["errors"] else "clean"

def fickling(path):
    from fickling.analysis import Severity, check_safety
    from fickling.fickle import StackedPickle
    worst = "clean"
    for name in files(path):
        try:
            with open(name, "rb") as f:
                stacked = StackedPickle.load(f, fail_on_decode_error=True)
            if any(check_safety(p).severity > Severity.LIKELY_SAFE for p in stacked):
                return "found"
        except Exception:
            worst = "error"
    return worst

def modelaudit(path):
    from modelaudit.core import scan_model_directory_or_file
    r = scan_model_directory_or_file(path)
    if any(w in str(i.severity).lower() for i in r.issues for w in ("critical", "warning")):
        return "found"
    return "error" if r.has_errors or not r.success else "clean"

scan = globals()[sys.argv[1]]
for line in sys.stdin:
    try:
        said = scan(line.strip())
    except BaseException:
        said = "error"
    print("\n" + json.dumps(["said", line.strip(), said]), flush=True)
'''


def wellhead(binary: str, paths: list) -> dict:
    """What the command says of each path: its exit code fails on findings of high and critical severity."""
    said = {}
    for path in paths:
        argv = [binary, "audit", path, "--isolated", "--no-cache", "--no-progress", "--format", "json"]
        run = subprocess.run(argv, capture_output=True, text=True)
        try:
            report = json.loads(run.stdout)
        except json.JSONDecodeError:
            said[path] = "error"
            continue
        worst = {f["severity"] for f in report["findings"] if f.get("status", "reported") == "reported"}
        whole = all(c["outcome"] == "analysed" for c in report["coverage"])
        said[path] = "found" if worst & {"critical", "high"} else "clean" if whole else "error"
    return said


def peer(tools: Path, tool: str, paths: list, timeout: int) -> dict:
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(tools),
        "LC_ALL": "C.UTF-8",
        "PROMPTFOO_DISABLE_TELEMETRY": "1",
        "NO_ANALYTICS": "1",
        "DO_NOT_TRACK": "1",
    }
    child = subprocess.Popen(
        [tools / "bin/python", "-c", DRIVER, tool],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=env,
    )
    try:
        out, _ = child.communicate("\n".join(paths) + "\n", timeout=timeout)
    except subprocess.TimeoutExpired:
        child.kill()
        out, _ = child.communicate()
    said = {}
    for line in out.splitlines():
        if line.startswith('["said"'):
            _, path, verdict = json.loads(line)
            said[path] = verdict
    return said


def prepare(args) -> tuple:
    cache = Path(args.cache).expanduser()
    tools = Path(args.tools) if args.tools else cache / "tools"
    if not args.tools:
        wanted = (HERE / "requirements.txt").read_text()
        stamp = tools / "requirements.txt"
        if not stamp.exists() or stamp.read_text() != wanted:
            venv.create(tools, with_pip=True, clear=True)
            pip = [tools / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
            subprocess.run([*pip, "-r", HERE / "requirements.txt"], check=True)
            stamp.write_text(wanted)
    corpus = Path(args.corpus) if args.corpus else cache / "corpus"
    if not args.corpus:
        subprocess.run(["cargo", "run", "--quiet", "-p", "wellhead-dev", "--", "corpus", corpus], cwd=ROOT, check=True)
    binary = args.bin
    if not binary:
        subprocess.run(["cargo", "build", "--locked", "--release", "-p", "wellhead"], cwd=ROOT, check=True)
        binary = f"{os.environ.get('CARGO_TARGET_DIR', ROOT / 'target')}/release/wellhead"
    return binary, tools, corpus


def cell(counts: Counter, total: int, malicious: bool) -> str:
    found, errors = counts["found"], counts["error"]
    missing = total - found - errors - counts["clean"]
    text = str(found if malicious else counts["clean"])
    if errors + missing:
        text += f" (+{errors + missing} unread)"
    return f"**{text}**" if text == str(total) else text


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", help="the program; built with the release profile where not given")
    parser.add_argument("--cache", default="~/.cache/wellhead-benches")
    parser.add_argument("--corpus", help="cases that are there already")
    parser.add_argument("--tools", help="an environment that holds the other tools already")
    parser.add_argument("--tool", action="append", default=[], help="only this tool")
    parser.add_argument("--honest", help="a folder of real models")
    parser.add_argument("--timeout", type=int, default=3600, help="seconds that one tool has for all cases")
    parser.add_argument("--no-write", action="store_true")
    args = parser.parse_args()
    binary, tools, corpus = prepare(args)

    cases = json.loads((corpus / "index.json").read_text())
    for case in cases:
        case["path"] = str(corpus / case["path"])
    if args.honest:
        for path in sorted(p for p in Path(args.honest).rglob("*") if p.is_file()):
            cases.append({"path": str(path), "class": "real", "family": "real models", "malicious": False})
    paths = [case["path"] for case in cases]
    names = [n for n in ("wellhead", *PEERS) if not args.tool or n in args.tool]
    said = {}
    for name in names:
        said[name] = wellhead(binary, paths) if name == "wellhead" else peer(tools, name, paths, args.timeout)
        print(f"{name}: {Counter(said[name].values())}", file=sys.stderr)

    families = defaultdict(list)
    for case in cases:
        families[(not case["malicious"], case["family"])].append(case)
    lines = [
        "# Detection",
        "",
        "Written by `python3 benches/detection.py`, which makes the cases from the listings of this repository, installs the other",
        "tools and asks all of them of every case. A number says how many cases a tool got right: found what is there, or kept",
        'silent where nothing is. "Unread" cases are those that it could not read, or not in time: neither found nor cleared.',
        "",
        f"picklescan 1.0.5, modelscan 0.8.8, fickling 0.1.12, modelaudit 0.2.54 on Python {platform.python_version()}, as they install "
        "without extras. A finding of wellhead counts from high severity on, so cases of rules that are medium or low by design count as missed.",
        "",
        "| cases | n | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    wrong = []
    for (harmless, family), members in sorted(families.items()):
        row = []
        for name in names:
            counts = Counter(said[name].get(c["path"]) for c in members)
            row.append(cell(counts, len(members), not harmless))
        lines.append(f"| {family} | {len(members)} | " + " | ".join(row) + " |")
        right = "clean" if harmless else "found"
        ours = said.get("wellhead", {})
        wrong += [c for c in members if ours and ours.get(c["path"]) != right]
    text = "\n".join([*lines, ""])
    print(text)
    for case in wrong:
        print(f"wrong: {case['class']} {case['path']}: {said['wellhead'].get(case['path'])}", file=sys.stderr)
    if not args.no_write and not args.tool:
        (ROOT / "docs/detection.md").write_text(text)


main()
