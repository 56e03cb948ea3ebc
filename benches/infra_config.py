"""Asks wellhead, and Checkov beside it, what is wrong with configuration of which every weakness is known.

    python3 benches/infra_config.py --bin PATH [--checkov] [--cache FOLDER] [--keep FOLDER] [--missed] [--write]

The files are listed in `benches/planted/*.txt`: each weakness is marked on its line with the group that it belongs to, and
`guarded/` holds the same platforms done right. Both were written before any tool was asked. A weakness is found when a
finding about its subject lies on its line, or in its service, manifest or resource where that holds no second weakness. A
finding about such a subject among the guarded files is false. Which rule or check speaks of which subject stands in
SUBJECTS, generously for both. Checkov is installed from `benches/checkov.txt` at run time and asks no server.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGE = ROOT / "docs/benchmarks-infrastructure.md"
EXPECT = re.compile(r"\s*# expect: ([A-Z]+) (.*)$")
WHO = {"JUP", "TRK", "CLU", "SRV", "UI", "DAT", "NET"}

# What a rule of wellhead or a check of Checkov speaks of. What is not here speaks of something that is not planted.
SUBJECTS = {
    rule: set(groups.split())
    for rule, groups in (line.split("\t") for line in (HERE / "planted/subjects.tsv").read_text().splitlines())
}
# By words of the check's own title, the first line that fits.
CHECKOV = (
    (r"egress|customer managed|encrypt|secrets as files|enable_key_rotation|logging|versioning|shared key|sas expiration", set()),
    (r"secret|high entropy|access key|token in", {"CLD", "DAT"}),
    (r"ingress from 0\.0\.0\.0|unrestricted ingress|open to the internet|unrestricted access|restrict.* from the internet", WHO),
    (r"public ip|publicly|assign_public|hostport|host network|hostnetwork|0\.0\.0\.0|container group.*virtual network", WHO | {"CLD"}),
    (r"permissive network access|network connectivity|internet access|root access|custom vpc|public access|cloud run|vertex", {"CLD"}),
    (r"(acl|bucket|storage|blob).*(public|anonymous|everyone|any principal)|public.*(acl|bucket|storage|blob)|block public|ignore public|restrict_public", {"CLD"}),
    (r"iam.*(\*|wildcard|full|write access|exfiltration|constraints|restrictable|escalation|management)", {"CLD"}),
    (r"password|authenticat|authoriz", WHO),
)


class Planted:
    """The files, and what is wrong with them."""

    def __init__(self):
        self.files = {}
        self.weak = []
        for listing in sorted((HERE / "planted").glob("*.txt")):
            path = None
            for line in listing.read_text().splitlines():
                if line.startswith("=== "):
                    path = line[4:]
                    assert path not in self.files, f"{path} stands twice"
                    self.files[path] = []
                elif path:
                    self._line(path, line.replace("{{+}}", ""))
        for lines in self.files.values():
            while lines and not lines[-1]:
                lines.pop()

    def _line(self, path: str, line: str) -> None:
        lines = self.files[path]
        if found := EXPECT.search(line):
            assert path.startswith("weak/"), path
            self.weak.append({"path": path, "line": len(lines) + 1, "group": found[1], "why": found[2]})
            line = line[: found.start()]
        lines.append(line)

    def write(self, folder: Path) -> None:
        for path, lines in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text("\n".join(lines) + "\n")
        for weak in self.weak:
            weak["block"] = self.block(weak["path"], weak["line"])

    def block(self, path: str, line: int) -> tuple:
        """The service, manifest, resource or statement that a line belongs to, as its first and last line."""
        lines, kind = self.files[path], path.split("/")[1]
        if kind == "compose" and re.search(r"\.ya?ml$", path):
            starts = lambda n: re.match(r" {0,2}\S", lines[n])
        elif kind in ("k8s", "helm", "kustomize"):
            starts = lambda n: lines[n] == "---"
        elif kind == "terraform" and not path.endswith(".json"):
            starts = lambda n: re.match(r"\w", lines[n])
        else:
            starts = lambda n: not (n and lines[n - 1].endswith("\\"))
        first, last = line - 1, line
        while first and not starts(first):
            first -= 1
        while last < len(lines) and not starts(last):
            last += 1
        return first + 1, last

    def referring(self, path: str, address: str) -> list:
        """The blocks of a Terraform file that refer to a resource: what is said of a bucket is meant for what opens it."""
        if not path.endswith(".tf") or "." not in address:
            return []
        named = re.compile(rf"(?<![\w.]){re.escape(address)}(?!\w)")
        return [(path, *self.block(path, n)) for n, line in enumerate(self.files.get(path, []), 1) if named.search(line)]


def measured(command: list, env: dict, timeout: int) -> tuple:
    """Runs a command; what it wrote, and its CPU seconds and peak memory with those of its children."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        out.seek(0)
        cost = {"cpu": usage.ru_utime + usage.ru_stime, "wall": time.monotonic() - began, "memory": usage.ru_maxrss / 1024}
        return out.read(), cost, status


def wellhead(binary: str, folder: Path) -> tuple:
    command = [binary, "audit", str(folder), "--select", "infrastructure", "--isolated", "--no-cache", "--no-progress", "--exit-zero", "--format", "json"]
    out, cost, _ = measured(command, {"PATH": os.environ["PATH"], "HOME": str(folder)}, 600)
    findings = []
    for f in json.loads(out)["findings"]:
        if f["severity"] == "info":
            continue
        places = []
        for place, shown in zip(f["locations"], f["evidence"] or [{}] * len(f["locations"])):
            path = place["artifact"]
            lines = {m["line"] for m in shown.get("marks") or []}
            span = place.get("span") or {}
            if "start" in span and isinstance(span["start"], dict):
                lines.add(span["start"]["line"])
            places += [(path.removeprefix(f"{folder}/"), n, n) for n in sorted(lines)]
        findings.append({"rule": f["rule"], "severity": f["severity"], "says": f["message"], "places": places, "about": SUBJECTS.get(f["rule"], set())})
    return findings, cost


def checkov(tools: Path, folder: Path, planted: Planted) -> tuple:
    wanted, stamp = (HERE / "checkov.txt").read_text(), tools / "made.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(tools, with_pip=True, clear=True)
        pip = [tools / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps"]
        subprocess.run([*pip, "-r", HERE / "checkov.txt"], check=True)
        stamp.write_text(wanted)
    command = [str(tools / "bin/python"), str(tools / "bin/checkov"), "-d", str(folder), "-o", "json", "--quiet", "--compact", "--skip-download", "--soft-fail"]
    env = {"PATH": os.environ["PATH"], "HOME": str(tools), "LC_ALL": "C.UTF-8"}
    out, cost, _ = measured(command, env, 1200)
    parts = json.loads(out)
    findings = []
    for part in parts if isinstance(parts, list) else [parts]:
        for f in part.get("results", {}).get("failed_checks", []):
            first, last = f["file_line_range"]
            about = next((groups for words, groups in CHECKOV if re.search(words, f["check_name"].lower())), set())
            path = f["file_path"].lstrip("/")
            places = [(path, first, last), *planted.referring(path, f.get("resource") or "")]
            findings.append({"rule": f["check_id"], "severity": "", "says": f["check_name"], "places": places, "about": about})
    return findings, cost


def judged(planted: Planted, findings: list) -> dict:
    """How many weaknesses were found and on their line, how many findings are about one, how many are false."""
    by_path = defaultdict(list)
    for finding in findings:
        for path, first, last in finding["places"]:
            by_path[path].append((first, last, finding))
    alone = Counter((w["path"], w["block"]) for w in planted.weak)
    found, exact, missed, used = [], 0, [], set()
    for weak in planted.weak:
        fitting = [(a, b, f) for a, b, f in by_path[weak["path"]] if weak["group"] in f["about"]]
        on_line = [f for a, b, f in fitting if a <= weak["line"] <= b]
        low, high = weak["block"]
        beside = [f for a, b, f in fitting if a <= high and b >= low] if alone[(weak["path"], weak["block"])] == 1 else []
        used.update(id(f) for f in on_line + beside)
        exact += bool(on_line)
        (found if on_line or beside else missed).append(weak)
    in_weak = [f for f in findings if any(p.startswith("weak/") for p, _, _ in f["places"])]
    false = [f for f in findings if f["about"] and any(p.startswith("guarded/") for p, _, _ in f["places"])]
    return {
        "found": found,
        "exact": exact,
        "missed": missed,
        "findings": len(in_weak),
        "relevant": sum(id(f) in used for f in in_weak),
        "beside": [f for f in in_weak if id(f) not in used],
        "false": false,
    }


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "none"


def page(planted: Planted, said: dict) -> str:
    guarded = sum(p.startswith("guarded/") for p in planted.files)
    kinds = Counter(w["path"].split("/")[1] for w in planted.weak)
    lines = [
        "## Configuration",
        "",
        "Written by `python3 benches/infra_config.py --checkov --write`, which makes the files from `benches/planted`, installs Checkov and asks",
        f"both in one run: {len(planted.weak)} weaknesses in {len(planted.files) - guarded} files ("
        + ", ".join(f"{n} {k}" for k, n in sorted(kinds.items()))
        + f") and {guarded} files that",
        "are in order. How a finding is counted is told at the head of that script. CPU and memory are of whole processes. wellhead is asked",
        "for its measure *infrastructure*; that images and packages are not pinned belongs to another and is not counted for it.",
        "",
        "| | " + " | ".join(said) + " |",
        "|---|" + "---|" * len(said),
    ]
    rows = {
        "weaknesses found": lambda v, c: share(len(v["found"]), len(planted.weak)),
        "on their very line": lambda v, c: str(v["exact"]),
        "findings about a planted weakness": lambda v, c: share(v["relevant"], v["findings"]),
        "false findings on what is in order": lambda v, c: str(len(v["false"])),
        "CPU": lambda v, c: f"{c['cpu']:.2f} s",
        "peak memory": lambda v, c: f"{c['memory']:.0f} MB",
    }
    for title, cell in rows.items():
        lines.append(f"| {title} | " + " | ".join(cell(v, c) for v, c in said.values()) + " |")
    lines += ["", "| kind | " + " | ".join(said) + " | planted |", "|---|" + "---|" * (len(said) + 1)]
    for kind, n in sorted(kinds.items()):
        row = [str(sum(w["path"].split("/")[1] == kind for w in v["found"])) for v, _ in said.values()]
        lines.append(f"| {kind} | " + " | ".join(row) + f" | {n} |")
    for name, (verdict, _) in said.items():
        if name == "wellhead" and verdict["missed"]:
            lines += ["", "Not found by wellhead:", ""]
            lines += [f"- `{w['path']}`, line {w['line']}: {w['why']}" for w in verdict["missed"]]
        if name == "wellhead" and verdict["false"]:
            lines += ["", "False findings of wellhead:", ""]
            lines += [f"- `{f['places'][0][0]}`: {f['says']} (`{f['rule']}`)" for f in verdict["false"]]
    lines += ["", f"Python {platform.python_version()}; Checkov 3.3.30 with `--skip-download`."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="the program")
    parser.add_argument("--checkov", action="store_true", help="ask Checkov, too")
    parser.add_argument("--cache", default="~/.cache/wellhead-benches", help="where Checkov is kept")
    parser.add_argument("--keep", help="write the files here and leave them")
    parser.add_argument("--missed", action="store_true", help="tell what was missed, what was false and what else was said")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    args = parser.parse_args()
    planted = Planted()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.keep or temporary).resolve()
        planted.write(folder)
        answers = {"wellhead": wellhead(args.bin, folder)}
        if args.checkov:
            answers["Checkov"] = checkov(Path(args.cache).expanduser() / "checkov", folder, planted)
    said = {name: (judged(planted, findings), cost) for name, (findings, cost) in answers.items()}
    text = page(planted, said)
    if args.write:
        # Other sections of the page are written by other programs.
        old = PAGE.read_text() if PAGE.exists() else "# Benchmarks: infrastructure\n"
        head, _, rest = old.partition("## Configuration\n")
        _, found, after = rest.partition("\n## ")
        PAGE.write_text(head.rstrip("\n") + "\n\n" + text + found + after)
    print(text)
    if args.missed:
        for name, (verdict, _) in said.items():
            for weak in verdict["missed"]:
                print(f"{name} missed {weak['group']} {weak['path']}:{weak['line']}: {weak['why']}", file=sys.stderr)
            for title in ("false", "beside"):
                for f in verdict[title]:
                    path, line, _ = f["places"][0]
                    print(f"{name} {title} {path}:{line}: {f['severity']} {f['rule']}: {f['says']}", file=sys.stderr)


if __name__ == "__main__":
    main()
