"""Measures the audit of dependencies and environments beside pip-audit and uv, and writes docs/benchmarks-dependencies.md.

    python3 benches/dependencies.py [--bin PATH] [--cache FOLDER] [--shared FOLDER] [--only NAME]… [--runs N] [--no-write]

The other tools ask the server of advisories that wellhead itself runs on loopback, so all look at the same records and nobody
waits for a network. How a run is measured is told in run.py.
"""

import argparse
import os
import platform
import random
import re
import subprocess
import sys
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path

from run import Case, exactness, measure, middle, processor, table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGES, ADVISORIES = 1_000, 24_000
# Public hosts are named in one place of the repository only.
PUBLIC_INDEX = re.search(r'PYPI: &str = "([^"]+)"', (ROOT / "crates/packages/src/well_known.rs").read_text())[1]


def lock(folder: Path, pins: list) -> None:
    """A project of uv with these pins, and nothing that would have to be resolved."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ",\n".join(f'  "{name}=={version}"' for name, version in pins)
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "bench"\nversion = "0"\nrequires-python = ">=3.11"\ndependencies = [\n{wanted}\n]\n'
    )
    lines = ["version = 1", "revision = 3", 'requires-python = ">=3.11"', ""]
    lines += ["[[package]]", 'name = "bench"', 'version = "0"', 'source = { virtual = "." }', "dependencies = ["]
    lines += [f'    {{ name = "{name}" }},' for name, _ in pins] + ["]", "", "[package.metadata]", "requires-dist = ["]
    lines += [f'    {{ name = "{name}", specifier = "=={version}" }},' for name, version in pins] + ["]", ""]
    for name, version in pins:
        # uv refuses a lock whose file names are no wheels.
        url = f"https://files.example/{name.replace('-', '_')}-{version}-py3-none-any.whl"
        lines += ["[[package]]", f'name = "{name}"', f'version = "{version}"']
        lines += [f'source = {{ registry = "{PUBLIC_INDEX}" }}', "wheels = ["]
        lines += [f'    {{ url = "{url}", hash = "sha256:{"0" * 64}", size = 1000 }},', "]", ""]
    (folder / "uv.lock").write_text("\n".join(lines))
    (folder / "requirements.txt").write_text("".join(f"{name}=={version}\n" for name, version in pins))


def many(folder: Path) -> None:
    """1,000 packages, and 24,000 advisories of which most speak of them; the same at every run."""
    if (folder / "all.zip").exists():
        return
    dice = random.Random(4)
    names = [f"bench-{n:04}" for n in range(PACKAGES * 2)]
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "all.zip", "w", zipfile.ZIP_DEFLATED) as out:
        for n in range(ADVISORIES):
            name = names[int(dice.random() ** 2 * len(names))]
            major, minor = dice.randrange(1, 9), dice.randrange(0, 30)
            versions = ", ".join(f'"{major}.{m}.{p}"' for m in range(max(0, minor - dice.randrange(12)), minor) for p in range(3))
            details = " ".join(dice.choice(("flaw", "reads", "files", "of", "others", "by", "path", "request")) for _ in range(90))
            out.writestr(
                f"GEN-2026-{n}.json",
                f'{{"schema_version": "1.6.0", "id": "GEN-2026-{n}", "modified": "2026-01-01T00:00:00Z", '
                f'"published": "2026-01-01T00:00:00Z", "aliases": ["CVE-2026-{900000 + n}"], "summary": "flaw {n}", '
                f'"details": "{details}", "severity": [{{"type": "CVSS_V3", '
                f'"score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:N/A:N"}}], "affected": [{{"package": '
                f'{{"ecosystem": "PyPI", "name": "{name}"}}, "ranges": [{{"type": "ECOSYSTEM", "events": '
                f'[{{"introduced": "{major}"}}, {{"fixed": "{major}.{minor}.0"}}]}}], "versions": [{versions}]}}], '
                f'"references": [{{"type": "WEB", "url": "https://advisories.example/{n}"}}]}}',
            )
    lock(folder / "project", [(n, f"{dice.randrange(1, 9)}.{dice.randrange(0, 30)}.{dice.randrange(0, 3)}") for n in names[::2]])


def environment(folder: Path, requirements: Path) -> None:
    """An environment with exactly those packages, compiled as pip leaves them."""
    stamp = folder / "made.txt"
    if stamp.exists() and stamp.read_text() == requirements.read_text():
        return
    venv.create(folder, with_pip=True, clear=True)
    pip = [folder / "bin/pip", "--disable-pip-version-check", "install", "--quiet", "--require-hashes", "--no-deps"]
    subprocess.run([*pip, "-r", requirements], check=True)
    stamp.write_text(requirements.read_text())


@contextmanager
def served(binary: str, env: dict):
    """The server of advisories, with the address that it tells."""
    command = [binary, "serve-osv", "--listen", "127.0.0.1:0"]
    server = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        told = ""
        while not (found := re.search(r"http://127\.0\.0\.1:\d+", told)):
            line = server.stderr.readline()
            if not line:
                raise SystemExit(f"the server did not start: {told}")
            told += line
        yield found.group()
    finally:
        server.terminate()
        server.wait()


def commands(binary: str, project: Path, tools: Path, url: str) -> dict:
    uv = [str(tools / "uv"), "audit", "--project", str(project), "--frozen", "--service-url", url]
    return {
        "wellhead": [binary, "audit", str(project / "uv.lock"), "--isolated", "--no-progress"],
        "uv audit": [*uv, "--preview", "--no-cache"],
        "pip-audit": [
            *(str(tools / "pip-audit"), "-s", "osv", "--osv-url", f"{url}/v1/query", "--no-deps", "--disable-pip"),
            *("--progress-spinner", "off", "-r", str(project / "requirements.txt")),
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", required=True, help="the program, built with the release profile")
    parser.add_argument("--cache", default="~/.cache/wellhead-benches")
    parser.add_argument("--shared", default=os.environ.get("WELLHEAD_SHARED", str(ROOT.parent / "shared")))
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--timeout", type=int, default=300)
    parser.add_argument("--no-write", action="store_true")
    args = parser.parse_args()

    cache = Path(args.cache).expanduser() / "dependencies"
    cache.mkdir(parents=True, exist_ok=True)
    environment(cache / "auditors", HERE / "auditors.txt")
    environment(cache / "environment", HERE / "environment.txt")
    many(cache / "many")
    tools, shared = cache / "auditors/bin", Path(args.shared)
    # uv asks the index for archived projects, too; where it is not there, nothing waits for it.
    base = {"PATH": os.environ["PATH"], "HOME": str(cache), "LC_ALL": "C.UTF-8", "UV_HTTP_RETRIES": "0"}
    of = lambda name: base | {"WELLHEAD_DATA_DIR": str(cache / name)}
    imports = {"data-pysec": shared / "data/advisories/PyPI-pysec-all.zip", "data-many": cache / "many/all.zip"}
    for name, source in imports.items():
        subprocess.run([args.bin, "db", "import", source], env=of(name), check=True, stdout=subprocess.DEVNULL)
    project = cache / "mlproj"
    real = shared / "data/dependencies/mlproj"
    if not project.exists():
        project.mkdir()
        for file in ("pyproject.toml", "uv.lock"):
            (project / file).write_bytes((real / file).read_bytes())
        pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ \\;]+)", (real / "requirements.txt").read_text(), re.M)
        (project / "requirements.txt").write_text("".join(f"{n}=={v.split('+')[0]}\n" for n, v in pins))
        one = cache / "one"
        one.mkdir(exist_ok=True)
        (one / "requirements.txt").write_text("torch==2.5.1\n")

    prefix = cache / "environment"
    files = [p for p in prefix.rglob("*") if p.is_file() and not p.is_symlink()]
    weight = sum(p.stat().st_size for p in files)
    one = [args.bin, "audit", str(cache / "one/requirements.txt"), "--isolated", "--no-progress"]
    with served(args.bin, of("data-pysec")) as pysec, served(args.bin, of("data-many")) as generated:
        cases = [
            ("data-pysec", Case("lock", "A lock of 345 packages against 7,080 advisories", "15 ms whole process, 20 MB resident",
                                commands(args.bin, project, tools, pysec))),
            ("data-many", Case("many", "A lock of 1,000 packages against 24,000 advisories", "50 ms whole process",
                               commands(args.bin, cache / "many/project", tools, generated))),
            ("data-pysec", Case("one", "One package against 7,080 advisories", "3 ms to load the database, as the difference "
                                "to the next table", {"wellhead": one})),
            ("data-none", Case("none", "The same package without a database", "", {"wellhead": one})),
            ("data-pysec", Case("environment", f"An environment of {len(files):,} files and {weight / 1e6:.0f} MB",
                                "0.3 s whole process, files in the page cache",
                                {"wellhead": [args.bin, "audit", f"env:{prefix}", "--isolated", "--no-cache", "--no-progress"],
                                 "sha256sum of all files": ["sh", "-c", f"find {prefix} -type f -print0 | xargs -0 sha256sum"],
                                 "pip check": [str(prefix / "bin/python"), "-m", "pip", "check"],
                                 "pip-audit of it": [str(tools / "pip-audit"), "-s", "osv", "--osv-url", f"{pysec}/v1/query",
                                                     "--progress-spinner", "off", "--path",
                                                     str(next(prefix.glob("lib/python*/site-packages")))]})),
        ]
        versions = {name: subprocess.run([tools / name, "--version"], capture_output=True, text=True).stdout.split()[1]
                    for name in ("pip-audit", "uv")}
        lines = [
            "# Benchmarks of dependencies and environments",
            "",
            "Written by `python3 benches/dependencies.py`. Whole processes, start-up included; medians. The other tools ask",
            "`wellhead serve-osv` on loopback for the same advisories. Compare ratios, not seconds.",
            "",
            f"Measured on {os.cpu_count()} cores of {processor()}, load {os.getloadavg()[0]:.1f} at the start; "
            f"pip-audit {versions['pip-audit']}, uv {versions['uv']} on Python {platform.python_version()}.",
            "",
        ]
        for data, case in cases:
            if args.only and case.name not in args.only:
                continue
            runs = {tool: [] for tool in case.commands}
            for turn in range(args.runs + 1):
                for tool, argv in case.commands.items():
                    # A tool that takes seconds is run thrice.
                    if turn > 3 and runs[tool] and runs[tool][-1].wall > 3:
                        continue
                    m = measure(argv, of(data), args.timeout)
                    print(f"{case.name} {tool} {turn}: {m}", file=sys.stderr)
                    if turn > 0:
                        runs[tool].append(m)
            case.results = {tool: middle(r) for tool, r in runs.items()}
            lines += table(case)
            if case.name == "lock":
                lines += [exactness(args.bin, project / "uv.lock", of(data), shared), ""]
    text = "\n".join(lines)
    print(text)
    if not args.no_write and not args.only:
        (ROOT / "docs/benchmarks-dependencies.md").write_text(text)


if __name__ == "__main__":
    main()
