"""Runs wellhead over labelled packages, poisoned and honest, and says how often it is right.

    python3 benches/packages.py [--bin PATH] [--data FOLDER] [--cache FOLDER] [--fetch N] [--pin] [--only malware|honest]
                                [--jobs N] [--limit N] [--all-rules] [--features FILE] [--show N] [--write]

The malware of the data is read in memory. An archive of it exists outside of this process only while it is looked at: as
one file in memory-backed storage, in a folder that nobody else can read, removed at once. None is unpacked or imported,
and neither their names nor their bytes are written anywhere but to the terminal.

The honest archives are those that `benches/packages.txt` pins by digest, and those of the data's `benign-dev.txt`. They lie
in the cache; `--fetch N` has pip's own client download up to N that are missing. No archive is ever built or installed.

Three answers, as `docs/package-verdict.md` defines them: *block* is a critical finding of a rule about packages, *review* one of
high or medium severity, *none* the rest. An archive that could not be read is counted as none, and told apart.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# Rules of other families that speak of the archive itself, whoever it is for.
OF_CONTAINERS = {"archive-path-traversal", "zip-header-mismatch", "archive-bomb"}
RANK = {"block": 0, "review": 1, "none": 2}


def rules_of_packages() -> set:
    """The rules whose pages lie in the family of packages that are judged by their content."""
    families = ROOT / "crates/rules/src"
    pages = (page for name in ("behaviour", "bytecode", "distribution", "native") for page in (families / name).glob("*.md"))
    return {page.stem.replace("_", "-") for page in pages} | OF_CONTAINERS


def wilson(hits: int, total: int) -> tuple:
    """The 95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    z, share = 1.959964, hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    whole = 1 + z * z / total
    return max(0.0, (middle - spread) / whole), min(1.0, (middle + spread) / whole)


def share(hits: int, total: int) -> str:
    low, high = wilson(hits, total)
    return f"{hits} of {total} = {100 * hits / max(total, 1):.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def audit(binary: str, path: Path, timeout: int, more: list = ()) -> dict:
    """What the program says of one archive, and what that took."""
    argv = [binary, "audit", str(path), "--isolated", "--no-progress", "--exit-zero", "--no-cache", "--format", "json", *more]
    # A folder of its own keeps every configuration but the program's defaults away.
    with tempfile.TemporaryFile() as out:
        started = time.monotonic()
        child = subprocess.Popen(argv, stdout=out, stderr=subprocess.DEVNULL, cwd="/", env={"PATH": "/usr/bin:/bin"})
        timed_out = False
        while True:
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() - started > timeout:
                child.kill()
                _, status, used = os.wait4(child.pid, 0)
                timed_out = True
                break
            time.sleep(0.005)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    row = {"cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss, "findings": [], "unread": None}
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        row["unread"] = "too slow" if timed_out else f"exit code {child.returncode}"
        return row
    for finding in report["findings"]:
        if finding.get("status", "reported") == "reported":
            properties = finding.get("properties") or {}
            place = (finding.get("locations") or [{}])[0]
            row["findings"].append(
                {
                    "rule": finding["rule"],
                    "severity": finding["severity"],
                    "message": finding["message"],
                    "properties": properties,
                    "place": place.get("artifact", ""),
                    "score": properties.get("score"),
                }
            )
    top = [c for c in report["coverage"] if c["outcome"] != "analysed" and c["artifact"].count("!/") == 0]
    row["unread"] = top[0].get("why") if top and top[0]["outcome"] == "not-analysed" else None
    return row


def answer(row: dict, counted) -> str:
    severities = {f["severity"] for f in row["findings"] if counted is None or f["rule"] in counted}
    if "critical" in severities:
        return "block"
    return "review" if severities & {"high", "medium"} else "none"


def look(job: tuple) -> dict:
    """One archive: bytes of malware, or the path of an honest file."""
    binary, name, data, path, timeout, more = job
    if path is not None:
        return {"name": name, **audit(binary, path, timeout, more)}
    base = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="wellhead-", dir=base) as folder:
        file = Path(folder) / name.rsplit("/", 1)[-1]
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "wb") as out:
            out.write(data)
        try:
            return {"name": name, **audit(binary, file, timeout, more)}
        finally:
            file.unlink()


def malware(data: Path, limit: int) -> list:
    """(name, bytes, cluster) of each sample, largest last so that the pool ends evenly."""
    listed = json.loads((data / "malware-dev.json").read_text())
    clusters = {row["path"]: " ".join(sorted(row["techniques"])) for row in listed}
    with zipfile.ZipFile(data / "malware-dev.zip") as archive:
        archive.setpassword(b"infected")
        names = [n for n in archive.namelist() if not n.endswith("/")]
        # Every k-th, so that a short run sees all sorts.
        step = max(1, len(names) // limit) if limit else 1
        return [(n, archive.read(n), clusters.get(n, n)) for n in names[::step]]


def pinned() -> dict:
    """File name to digest of the honest archives that this repository pins."""
    rows = {}
    for line in (HERE / "packages.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, digest = line.split()
            rows[name] = digest.removeprefix("sha256:")
    return rows


def fetch(wanted: dict, cache: Path, most: int) -> None:
    """Downloads what is missing with pip's own finder, which asks the configured index and builds nothing."""
    from pip._internal.commands.download import DownloadCommand
    from pip._internal.req.constructors import install_req_from_line  # noqa: F401, tells an unfit pip early

    command = DownloadCommand("download", "")
    options, _ = command.parse_args(["--no-deps", "nothing"])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        for name, digest in list(wanted.items())[:most]:
            project = name.split("-")[0]
            # A pinned archive is known by its digest: tags of a file name may stand in another order.
            fits = lambda link: link.filename == name or (digest is not None and link.hash == digest)
            found = [c.link for c in finder.find_all_candidates(project) if fits(c.link)]
            # Wheels for other interpreters are no candidates; their links are there all the same.
            if not found:
                collected = finder._link_collector.collect_sources(project, lambda link: None)
                pages = [s.page_candidates() for s in collected.index_urls if s]
                found = [c.link for page in pages for c in page if fits(c.link)]
            if not found:
                print(f"not found: {name}", file=sys.stderr)
                continue
            response = session.get(found[0].url_without_fragment)
            response.raise_for_status()
            bytes_ = response.content
            expected = digest or (found[0].hash if found[0].hash_name == "sha256" else None)
            if expected and hashlib.sha256(bytes_).hexdigest() != expected:
                sys.exit(f"the index sends other bytes than were pinned: {name}")
            part = cache / f"{name}.part"
            part.write_bytes(bytes_)
            part.rename(cache / name)
            print(f"fetched {name}", file=sys.stderr)


def honest(data: Path, cache: Path, most: int) -> list:
    digests = pinned()
    names = [line.strip() for line in (data / "benign-dev.txt").read_text().splitlines() if line.strip()]
    wanted = {**{n: digests.get(n) for n in names}, **digests}
    cache.mkdir(parents=True, exist_ok=True)
    missing = {n: d for n, d in wanted.items() if not (cache / n).exists()}
    if missing and most:
        fetch(missing, cache, most)
    rows = []
    for name, digest in wanted.items():
        path = cache / name
        if not path.exists():
            continue
        if digest and hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            sys.exit(f"not the bytes that were pinned: {path}")
        rows.append((name, path))
    # The small ones first, so that a run that is cut short has seen most of them.
    rows.sort(key=lambda row: (row[1].stat().st_size, row[0]))
    absent = len(wanted) - len(rows)
    if absent:
        print(f"skipped: {absent} of {len(wanted)} honest archives are not in {cache} (--fetch N)", file=sys.stderr)
    return rows


def pin(cache: Path) -> None:
    """Prints lines for `packages.txt` of what the cache holds."""
    for path in sorted(cache.iterdir()):
        if path.name.endswith((".whl", ".tar.gz", ".zip")):
            print(f"{path.name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}")


def kind(name: str) -> str:
    return "wheels" if name.endswith(".whl") else "sdists"


def table(title: str, rows: list) -> list:
    counts = collections.Counter(row["answer"] for row in rows)
    total, unread = len(rows), sum(1 for r in rows if r["unread"])
    either = counts["block"] + counts["review"]
    return [
        f"| {title} | {total} | {share(counts['block'], total)} | {share(either, total)} | {counts['none']} | {unread} |"
    ]


def without_big_clusters(rows: list) -> list:
    sizes = collections.Counter(row["cluster"] for row in rows)
    return [row for row in rows if sizes[row["cluster"]] <= 50]


def per_rule(rows: list, counted) -> collections.Counter:
    """How many archives each rule speaks of, at its worst severity."""
    told = collections.Counter()
    for row in rows:
        worst = {}
        order = ["critical", "high", "medium"]
        for f in row["findings"]:
            if f["severity"] in order and (counted is None or f["rule"] in counted):
                known = worst.get(f["rule"], "medium")
                worst[f["rule"]] = min(known, f["severity"], key=order.index)
        told.update(f"{rule} {severity}" for rule, severity in worst.items())
    return told


def features(rows: list, file: Path) -> None:
    """What the rules saw in each file of each archive, without its name: a table to fit weights by."""
    table_ = []
    for row in rows:
        seen = [
            {"at_most": f["properties"]["at_most"], "terms": f["properties"]["terms"]}
            for f in row["findings"]
            if f["rule"] == "package-capability"
        ]
        seen = sorted({(s["at_most"], s["terms"]) for s in seen})
        group = row["cluster"] if row["malicious"] else re.sub(r"[-_.]+", "-", row["name"].split("-")[0]).lower()
        cluster = hashlib.sha256(group.encode()).hexdigest()[:8]
        seen = [{"at_most": most, "terms": terms} for most, terms in seen]
        table_.append({"malicious": row["malicious"], "cluster": cluster, "seen": seen})
    table_.sort(key=lambda r: json.dumps(r))
    file.write_text("".join(json.dumps(r, separators=(",", ":")) + "\n" for r in table_))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", help="the program; built with the release profile where not given")
    parser.add_argument("--data", help="the folder of the labelled data")
    parser.add_argument("--cache", default="~/.cache/wellhead-benches/honest")
    parser.add_argument("--fetch", type=int, default=0, metavar="N", help="download up to N honest archives that are missing")
    parser.add_argument("--pin", action="store_true", help="print the lines that pin what lies in the cache, and end")
    parser.add_argument("--only", choices=("malware", "honest"))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=int, default=0, help="about so many samples of malware, evenly chosen")
    parser.add_argument("--timeout", type=int, default=300, help="seconds that one archive has")
    parser.add_argument("--seconds", type=int, default=0, help="begin no archive after so many seconds")
    parser.add_argument("--all-rules", action="store_true", help="count the findings of every rule")
    parser.add_argument("--features", help="write what was seen of each archive, without names")
    parser.add_argument("--results", help="write everything, names included, to a private file")
    parser.add_argument("--show", type=int, default=40, help="how many misses and accused are listed")
    parser.add_argument("--write", action="store_true", help="write docs/package-detection.md")
    args = parser.parse_args()
    cache = Path(args.cache).expanduser()
    if args.pin:
        return pin(cache)
    shared = Path(os.environ.get("WELLHEAD_SHARED", ROOT.parent / "shared"))
    data = Path(args.data) if args.data else shared / "data/packages"
    binary = args.bin
    if not binary:
        subprocess.run(["cargo", "build", "--locked", "--release", "-p", "wellhead"], cwd=ROOT, check=True)
        binary = f"{os.environ.get('CARGO_TARGET_DIR', ROOT / 'target')}/release/wellhead"
    binary = str(Path(binary).resolve())
    counted = None if args.all_rules else rules_of_packages()

    # The inventory of what packages are able to do is asked for; with it come the files that are not accused.
    more = ["--preview"] if args.features else []
    jobs, labels = [], []
    if args.only != "honest":
        for name, content, cluster in malware(data, args.limit):
            jobs.append((binary, name, content, None, args.timeout, more))
            labels.append((True, cluster))
    if args.only != "malware":
        for name, path in honest(data, cache, args.fetch):
            jobs.append((binary, name, None, path, args.timeout, more))
            labels.append((False, name))
    # Threads are enough: each waits for a process of its own.
    rows, deadline = [], time.monotonic() + args.seconds if args.seconds else None
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for row in pool.map(lambda job: None if deadline and time.monotonic() > deadline else look(job), jobs):
            rows.append(row)
    labels = [label for label, row in zip(labels, rows) if row]
    rows = [row for row in rows if row]
    if len(rows) < len(jobs):
        print(f"skipped: {len(jobs) - len(rows)} of {len(jobs)} archives, the time was over", file=sys.stderr)
    for row, (malicious, cluster) in zip(rows, labels):
        row.update(malicious=malicious, cluster=cluster, answer=answer(row, counted))

    bad = [r for r in rows if r["malicious"]]
    good = [r for r in rows if not r["malicious"]]
    lines = ["| set | n | block | block or review | none | unread |", "|---|---|---|---|---|---|"]
    if bad:
        lines += table("malware families", bad) + table("malware without clusters over 50", without_big_clusters(bad))
    for what in ("wheels", "sdists"):
        some = [r for r in good if kind(r["name"]) == what]
        lines += table(f"honest {what}", some) if some else []
    slow = max(rows, key=lambda r: r["cpu"])
    lines += [
        "",
        f"CPU seconds: {sum(r['cpu'] for r in bad):.1f} for the malware, {sum(r['cpu'] for r in good):.1f} for the honest "
        f"archives, {slow['cpu']:.2f} for the slowest; at most {max(r['rss'] for r in rows) / 1024:.0f} MiB.",
    ]
    accused = sorted((r for r in good if r["answer"] != "none"), key=lambda r: (RANK[r["answer"]], r["name"]))
    lines += ["", "| accused honest archive | answer | why |", "|---|---|---|"] if accused else []
    for row in accused:
        why = sorted({f"`{f['rule']}`" for f in row["findings"] if counted is None or f["rule"] in counted})
        lines.append(f"| `{row['name']}` | {row['answer']} | {', '.join(why)} |")
    text = "\n".join(lines)
    print(text)
    print("\nrules on malware:", dict(per_rule(bad, counted).most_common(30)), file=sys.stderr)
    print("rules on honest archives:", dict(per_rule(good, counted).most_common(30)), file=sys.stderr)
    missed = [r for r in bad if r["answer"] == "none"]
    for row in missed[: args.show]:
        print(f"missed: {row['name']} [{row['cluster']}] {row['unread'] or ''}", file=sys.stderr)
    for row in accused[: args.show]:
        for f in row["findings"]:
            if (counted is None or f["rule"] in counted) and f["severity"] in ("critical", "high", "medium"):
                print(f"accused: {row['name']}: {f['severity']} {f['rule']}: {f['place']}: {f['message'][:200]}", file=sys.stderr)
    if args.features:
        features(rows, Path(args.features))
    if args.results:
        descriptor = os.open(args.results, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(rows, out)
    if args.write:
        head = (
            "# Detection of poisoned packages\n\nWritten by `python3 benches/packages.py --write`. Shares are of archives, with 95 % Wilson "
            "intervals; malware counts one archive a family. Honest archives are chosen because other tools accuse them, or pinned "
            "in `benches/packages.txt`.\n\n"
        )
        (ROOT / "docs/package-detection.md").write_text(head + text + "\n")


if __name__ == "__main__":
    main()
