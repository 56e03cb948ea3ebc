"""Measures `wellhead audit net:` over a network on loopback of which every listener is known.

    python3 benches/net_scan.py --bin PATH [--prefix 16] [--ports 60] [--services 192] [--rate 100000] [--write]

It runs in a network namespace of its own that holds only `lo`, so nothing else is asked and nothing else is slowed down. The
listeners are small HTTP servers of three sorts: a platform that is open, one that asks for a password, and services that
nobody knows (pages, sign-ins, APIs that have nothing at `/`). What was open, protected, unknown is compared with what was
planted; requests are counted where they arrive.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/benchmarks-infrastructure.md"
HTML, TEXT, JSON = "text/html; charset=utf-8", "text/plain", "application/json"


def jupyter(is_open):
    def answer(path):
        if path == "/api":
            return 200, JSON, '{"version": "2.21.1"}'
        if path == "/api/status":
            return (200, JSON, '{"connections": 0, "kernels": 1, "started": "2026-01-01T00:00:00Z"}') if is_open else (403, JSON, '{"message": "Forbidden", "reason": null}')
        return (200 if path == "/" else 404), HTML, "<title>Jupyter Server</title>"

    return answer


def page(path):
    return (200, HTML, "<title>Intranet</title>") if path == "/" else (404, HTML, "<h1>404")


def api(status, kind, body):
    return lambda path: (status, kind, body)


# How each sort answers a path.
KNOWN = {"OPEN": jupyter(True), "PROTECTED": jupyter(False)}
UNKNOWN = {
    "a page": page,
    "one page for every path": api(200, HTML, "<title>App</title>"),
    "a web server without a page": api(404, HTML, "<title>404 Not Found</title><center>nginx</center>"),
    "a password before everything": api(401, TEXT, "who are you"),
    "an API of FastAPI": api(404, JSON, '{"detail":"Not Found"}'),
    "an API of Go": api(404, TEXT, "404 page not found"),
    "an API that says nothing": api(404, TEXT, ""),
    "an API with words of its own": api(404, JSON, '{"message":"no such thing"}'),
}


class Planted:
    """Listeners, each at an address and a port of its own, and what they were asked."""

    def __init__(self, network, addresses, ports, count):
        chosen = random.Random(6)
        sorts = list(KNOWN) + list(UNKNOWN)
        self.sorts = {}
        while len(self.sorts) < count:
            at = f"{network}.{chosen.randrange(addresses) // 256}.{chosen.randrange(256)}", chosen.choice(ports)
            if int(at[0].split(".")[2]) * 256 + int(at[0].split(".")[3]) < addresses:
                self.sorts.setdefault(at, sorts[len(self.sorts) % len(sorts)])
        self.asked = Counter()
        self.methods = Counter()
        ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self.serve(ready)), daemon=True).start()
        ready.wait()

    async def serve(self, ready):
        for at, sort in self.sorts.items():
            answer = KNOWN.get(sort) or UNKNOWN[sort]
            await asyncio.start_server(lambda r, w, at=at, answer=answer: self.one(r, w, at, answer), *at)
        ready.set()
        await asyncio.Event().wait()

    async def one(self, reader, writer, at, answer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            method, path = head.split(b" ")[:2]
            self.asked[at] += 1
            self.methods[method.decode()] += 1
            status, kind, body = answer(path.decode())
            text = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
            writer.write(text.encode())
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass  # the scan connects and says nothing
        writer.close()


def inside(args):
    """Runs in the namespace: plants, scans, counts."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    network = f"127.88.0.0/{args.prefix}"
    addresses = 1 << (32 - args.prefix)
    dry = subprocess.run([args.bin, "audit", "--dry-run", f"net:{network}"], capture_output=True, text=True, check=True).stdout
    ports = [int(p) for p in re.search(r"at ports ([\d,]+)", dry)[1].split(",")][: args.ports]
    planted = Planted("127.88", addresses, ports, args.services)
    with tempfile.TemporaryDirectory() as folder:
        environment = {"WELLHEAD_DATA_DIR": f"{folder}/data", "WELLHEAD_CACHE_DIR": f"{folder}/cache", "PATH": os.environ["PATH"]}
        report = Path(folder) / "report.json"
        command = [args.bin, "audit", f"net:{network}", "--ports", ",".join(map(str, ports)), "--rate", str(args.rate)]
        with report.open("wb") as out:
            began = time.monotonic()
            child = subprocess.Popen([*command, "--format", "json", "--no-progress"], stdout=out, env=environment, cwd=folder)
            _, status, used = os.wait4(child.pid, 0)
            wall = time.monotonic() - began
        told = json.loads(report.read_text())
        log = (Path(folder) / "data/requests.jsonl").read_text().splitlines()
    found = {"OPEN": 0, "PROTECTED": 0, "unknown": 0}
    wrong = []
    place = lambda text: (lambda m: (m[1], int(m[2])))(re.search(r"(127\.88\.\d+\.\d+):(\d+)", text))
    for service in told.get("services", []):
        sort = planted.sorts.get(place(service["address"]))
        if sort == service["state"]:
            found[sort] += 1
        else:
            wrong.append(service["address"])
    for row in told["coverage"]:
        match = re.search(r"(127\.88\.\d+\.\d+):(\d+)", str(row.get("artifact")))
        if match and "unknown service" in (row.get("reason") or ""):
            sort = planted.sorts.get((match[1], int(match[2])))
            if sort in UNKNOWN:
                found["unknown"] += 1
            else:
                wrong.append(row["artifact"])
    asked = defaultdict(list)
    for at, sort in planted.sorts.items():
        asked[sort].append(planted.asked[at])
    unknown = [n for sort in UNKNOWN for n in asked[sort]]
    return {
        "connects": addresses * len(ports),
        "network": network,
        "ports": len(ports),
        "rate": args.rate,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "rss": used.ru_maxrss / 1024,
        "code": os.waitstatus_to_exitcode(status),
        "planted": Counter("unknown" if s in UNKNOWN else s for s in planted.sorts.values()),
        "found": found,
        "wrong": wrong,
        "asked": {sort: (statistics.median(n), max(n)) for sort, n in asked.items()},
        "unknown": (statistics.median(unknown), max(unknown)),
        "methods": planted.methods,
        "requests": sum(planted.asked.values()),
        "logged": len(log) - 1,
    }


def nmap(args):
    """The same connections by nmap, where it is installed; it asks nothing."""
    if not shutil.which("nmap"):
        return None
    ports = subprocess.run([args.bin, "audit", "--dry-run", f"net:127.88.0.0/{args.prefix}"], capture_output=True, text=True, check=True).stdout
    ports = ",".join(re.search(r"at ports ([\d,]+)", ports)[1].split(",")[: args.ports])
    began = time.monotonic()
    child = subprocess.Popen(["nmap", "-sT", "-n", "-Pn", "-T5", "-p", ports, f"127.88.0.0/{args.prefix}"], stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(child.pid, 0)
    return {"wall": time.monotonic() - began, "cpu": used.ru_utime + used.ru_stime, "rss": used.ru_maxrss / 1024}


def section(r, peer) -> str:
    whole = sum(r["planted"].values())
    right = sum(r["found"].values())
    lines = [
        "## Live",
        "",
        "Written by `python3 benches/net_scan.py --bin PATH --write`: a network on loopback in a namespace of its own, with services of which",
        f"each is known. {r['network']} at {r['ports']} ports is {r['connects']:,} connections, with `--rate {r['rate']}`, on {os.cpu_count()} cores",
        f"({platform.machine()}) that the services share, load {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| | wellhead |" + (" nmap -sT, which asks nothing |" if peer else ""),
        "|---|--:|" + ("--:|" if peer else ""),
    ]
    rows = [
        ("time", f"{r['wall']:.1f} s", peer and f"{peer['wall']:.1f} s"),
        ("CPU", f"{r['cpu']:.1f} s", peer and f"{peer['cpu']:.1f} s"),
        ("peak memory", f"{r['rss']:.1f} MB", peer and f"{peer['rss']:.1f} MB"),
        ("connections a second", f"{r['connects'] / r['wall']:,.0f}", peer and f"{r['connects'] / peer['wall']:,.0f}"),
        ("services found and judged right", f"{right} of {whole}", ""),
        ("requests, all of them GET" if set(r["methods"]) <= {"GET"} else "requests", f"{r['requests']:,}", ""),
        ("of which the log has", f"{r['logged']:,}", ""),
        ("requests to an unknown port, median and most", f"{r['unknown'][0]:g} and {r['unknown'][1]}", ""),
    ]
    lines += [f"| {name} | {ours} |" + (f" {theirs} |" if peer else "") for name, ours, theirs in rows]
    lines += ["", "| what listens | requests, median | most |", "|---|--:|--:|"]
    names = {"OPEN": "Jupyter, open", "PROTECTED": "Jupyter, asks for a token"}
    lines += [f"| {names.get(sort, sort)} | {middle:g} | {most} |" for sort, (middle, most) in r["asked"].items()]
    if r["wrong"]:
        lines += ["", "Judged wrong: " + ", ".join(r["wrong"][:10])]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="the program")
    parser.add_argument("--prefix", type=int, default=16, help="how large the network is, 16 to 30")
    parser.add_argument("--ports", type=int, default=60, help="so many ports of the catalogue")
    parser.add_argument("--services", type=int, default=192, help="so many listeners")
    parser.add_argument("--rate", type=int, default=100_000, help="requests a second, and twenty times as many connections")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.bin = str(Path(args.bin).resolve())
    if not args.inside:
        done = subprocess.run(["unshare", "-rn", sys.executable, __file__, *sys.argv[1:], "--inside"])
        sys.exit(done.returncode)
    result = inside(args)
    text = section(result, nmap(args))
    if args.write:
        # Other sections of the page are written by other programs.
        old = PAGE.read_text() if PAGE.exists() else "# Benchmarks: infrastructure\n"
        head, _, rest = old.partition("## Live\n")
        _, found, after = rest.partition("\n## ")
        PAGE.write_text(head.rstrip("\n") + "\n\n" + text + found + after)
    print(text)
    if result["code"] != 1:
        sys.exit(f"the audit ended with {result['code']}, and should have found what is open")


if __name__ == "__main__":
    main()
