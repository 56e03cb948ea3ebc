"""Measures the gateway beside Debian's caddy and nginx with the same job, and writes docs/benchmarks-gateway.md.

    python3 benches/gateway.py --bin PATH [--rate N] [--seconds N] [--gigabytes N] [--sockets N] [--write]

All stand in front of the same upstream on loopback and ask for the same name and password. The load is open: requests leave by
the clock, whether or not earlier ones were answered, and a late one counts from when it should have left. Compare ratios of one
run, not milliseconds.
"""

import argparse
import asyncio
import base64
import hashlib
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "correct-horse-battery"
BODY = b"x" * 512


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Upstream(asyncio.Protocol):
    """Answers GET with 512 bytes, `size=N` with N, an upgrade with an echo."""

    def connection_made(self, transport):
        self.transport, self.raw, self.buffer = transport, False, b""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ready = asyncio.Event()
        self.ready.set()

    def pause_writing(self):
        self.ready.clear()

    def resume_writing(self):
        self.ready.set()

    def data_received(self, data):
        if self.raw:
            self.transport.write(data)
            return
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            size = re.search(rb"size=(\d+)", head)
            if b"pgrade: websocket" in head:
                self.raw = True
                self.transport.write(b"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
            elif size:
                asyncio.get_running_loop().create_task(self.stream(int(size[1])))
            else:
                self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY))

    async def stream(self, size):
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        block = bytes(1 << 20)
        while size:
            await self.ready.wait()
            if self.transport.is_closing():
                return
            here = min(size, len(block))
            self.transport.write(block[:here])
            size -= here


def upstream(port: int) -> None:
    async def serve():
        server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port, backlog=2048)
        await server.serve_forever()

    asyncio.run(serve())


class Client(asyncio.Protocol):
    """One connection that is kept; one request at a time."""

    def connection_made(self, transport):
        self.transport, self.buffer, self.waiting = transport, b"", None
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        head, mark, body = self.buffer.partition(b"\r\n\r\n")
        if mark:
            size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
            if len(body) >= size and self.waiting and not self.waiting.done():
                self.buffer = b""
                self.waiting.set_result(int(head[9:12]))

    def connection_lost(self, _):
        if self.waiting and not self.waiting.done():
            self.waiting.set_exception(ConnectionError("closed"))

    async def ask(self, request):
        self.waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self.waiting


async def latencies(port: int, request: bytes, rate: int, seconds: float) -> list:
    loop = asyncio.get_running_loop()
    idle, late, wrong = [], [], 0

    async def one(due):
        nonlocal wrong
        client = idle.pop() if idle else None
        if client is None or client.transport.is_closing():
            _, client = await loop.create_connection(Client, "127.0.0.1", port)
        try:
            status = await client.ask(request)
        except ConnectionError:
            _, client = await loop.create_connection(Client, "127.0.0.1", port)
            status = await client.ask(request)
        late.append(loop.time() - due)
        wrong += status != 200
        idle.append(client)

    for _ in range(20):
        await one(loop.time())
    late.clear()
    begin, tasks = loop.time() + 0.1, []
    for step in range(int(rate * seconds)):
        due = begin + step / rate
        pause = due - loop.time()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(one(due)))
    await asyncio.gather(*tasks)
    for client in idle:
        client.transport.close()
    if wrong:
        sys.exit(f"{wrong} answers were not 200")
    return sorted(late)


def resident(pid: int) -> float:
    """Megabytes of a process and its children."""
    pids = [pid] + [int(p) for p in subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()]
    total = 0
    for one in pids:
        try:
            total += int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{one}/status").read_text())[1])
        except (OSError, TypeError):
            pass
    return total / 1024


def streamed(port: int, auth: str, size: int, pid: int) -> tuple:
    """Peak resident megabytes and seconds while `size` bytes pass."""
    peak, done = [resident(pid)], threading.Event()

    def watch():
        while not done.wait(0.05):
            peak.append(resident(pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(f"GET /get-artifact?size={size} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {auth}\r\n\r\n".encode())
        buffer, got = bytearray(1 << 20), 0
        while got < size:
            more = s.recv_into(buffer)
            if not more:
                sys.exit(f"the stream ended after {got} bytes")
            got += more
    seconds = time.monotonic() - begin
    done.set()
    watcher.join()
    return max(peak), seconds


def idle(port: int, auth: str, count: int, pid: int) -> float:
    """Resident megabytes with so many WebSockets on which nobody speaks."""
    path = "/api/kernels/1/channels"
    request = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {auth}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()
    open_ones = []
    for _ in range(count):
        s = socket.create_connection(("127.0.0.1", port))
        s.sendall(request)
        answer = s.recv(1024)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            sys.exit(f"no WebSocket: {answer[:80]!r}")
        open_ones.append(s)
    for s in open_ones[:: max(1, count // 20)]:
        s.sendall(b"still there")
        if s.recv(64) != b"still there":
            sys.exit("a WebSocket is dead")
    used = resident(pid)
    for s in open_ones:
        s.close()
    return used


def gateway(binary: str, folder: Path, behind: int, product: str) -> tuple:
    state = folder / f"state-{product}"
    subprocess.run(
        [binary, "gateway", "user", "add", "ann", "--password-stdin", "--state", str(state)],
        input=PASSWORD, text=True, check=True, stdout=subprocess.DEVNULL,
    )
    port = free_port()
    child = subprocess.Popen(
        [binary, "gateway", "--upstream", f"http://127.0.0.1:{behind}", "--product", product, "--listen", f"127.0.0.1:{port}",
         "--state", str(state), "--rate", "1000000"], stderr=subprocess.DEVNULL,
    )
    return child, port


def caddy(folder: Path, behind: int) -> tuple:
    port = free_port()
    hashed = subprocess.run(["caddy", "hash-password", "--plaintext", PASSWORD], capture_output=True, text=True, check=True)
    (folder / "Caddyfile").write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"http://127.0.0.1:{port}, http://localhost:{port} {{\n basicauth {{\n  ann {hashed.stdout.strip()}\n }}\n"
        f" log {{\n  output file {folder}/caddy.log\n }}\n reverse_proxy 127.0.0.1:{behind}\n}}\n"
    )
    environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    run = ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    return subprocess.Popen(run, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL), port


def nginx(folder: Path, behind: int) -> tuple:
    port = free_port()
    digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
    (folder / "users").write_text(f"ann:{{SHA}}{digest}\n")
    (folder / "users").chmod(0o644)
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"worker_processes 2;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{ worker_connections 8192; }}\n"
        f"worker_rlimit_nofile 20000;\n"
        f"http {{\n access_log {folder}/access.log;\n proxy_temp_path {folder}/t1; client_body_temp_path {folder}/t2;\n"
        f" fastcgi_temp_path {folder}/t3; uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;\n"
        " map $http_upgrade $up { default upgrade; '' ''; }\n"
        f" upstream u {{ server 127.0.0.1:{behind}; keepalive 64; }}\n"
        f" server {{ listen 127.0.0.1:{port}; auth_basic x; auth_basic_user_file {folder}/users; keepalive_requests 100000000;\n"
        "  location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;\n"
        "   proxy_set_header Connection $up; proxy_buffering off; proxy_read_timeout 1h; } } }\n"
    )
    run = ["nginx", "-c", str(folder / "nginx.conf"), "-g", "daemon off;"]
    return subprocess.Popen(run, stderr=subprocess.DEVNULL), port


def listening(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"nothing listens on {port}")


def at(sorted_values: list, share: float) -> float:
    return sorted_values[min(len(sorted_values) - 1, int(len(sorted_values) * share))] * 1000


def main() -> None:
    parse = argparse.ArgumentParser()
    parse.add_argument("--bin", required=True)
    parse.add_argument("--rate", type=int, default=1000)
    parse.add_argument("--seconds", type=float, default=10)
    parse.add_argument("--rounds", type=int, default=3)
    parse.add_argument("--gigabytes", type=float, default=5)
    parse.add_argument("--sockets", type=int, default=1000)
    parse.add_argument("--write", action="store_true")
    args = parse.parse_args()
    import resource

    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    auth = "Basic " + base64.b64encode(f"ann:{PASSWORD}".encode()).decode()
    request = f"GET /version HTTP/1.1\r\nHost: localhost\r\nAuthorization: {auth}\r\n\r\n".encode()
    rows, children = {}, []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        behind = free_port()
        children.append(subprocess.Popen([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'benches')!r}); import gateway; gateway.upstream({behind})"]))
        try:
            listening(behind)
            starts = {"wellhead gateway": lambda: gateway(args.bin, folder, behind, "mlflow")}
            if shutil.which("caddy"):
                starts["caddy"] = lambda: caddy(folder, behind)
            if shutil.which("nginx"):
                starts["nginx"] = lambda: nginx(folder, behind)
            ports = {"direct": (behind, None)}
            for who, start in starts.items():
                child, port = start()
                children.append(child)
                ports[who] = (port, child.pid)
                listening(port)
            measured = {who: [] for who in ports}
            # In turns, so that a busy moment of the machine meets all of them.
            for _ in range(args.rounds):
                for who, (port, _) in ports.items():
                    measured[who].append(asyncio.run(latencies(port, request, args.rate, args.seconds)))
            for who, (port, pid) in ports.items():
                p50 = statistics.median(at(m, 0.50) for m in measured[who])
                p99 = statistics.median(at(m, 0.99) for m in measured[who])
                rows[who] = {"p50": p50, "p99": p99}
                # Rounds in turns: each has its own moment of the machine to be compared with.
                rows[who]["added"] = sorted(at(m, 0.99) - at(d, 0.99) for m, d in zip(measured[who], measured["direct"]))
                if pid:
                    rows[who]["peak"], rows[who]["seconds"] = streamed(port, auth, int(args.gigabytes * 2**30), pid)
            child, port = gateway(args.bin, folder, behind, "jupyter")
            children.append(child)
            listening(port)
            rows["wellhead gateway"]["sockets"] = idle(port, auth, args.sockets, child.pid)
            for who in ports:
                if who not in ("direct", "wellhead gateway"):
                    rows[who]["sockets"] = idle(ports[who][0], auth, args.sockets, ports[who][1])
        finally:
            for child in children:
                child.terminate()
            for child in children:
                child.wait()
    text = report(rows, args)
    print(text)
    if args.write:
        (ROOT / "docs/benchmarks-gateway.md").write_text(text)


def report(rows: dict, args) -> str:
    direct = rows["direct"]
    lines = [
        "# The gateway beside other proxies",
        "",
        "Made by `python3 benches/gateway.py --bin PATH --write`. Basic authentication, a log of requests and a reverse proxy on loopback, in",
        f"front of the same upstream; {args.rate:,} requests a second, leaving by the clock, {args.rounds} rounds of {args.seconds:g} s in turns",
        f"(the median of rounds), on {os.cpu_count()} cores ({platform.machine()}) that client and upstream share, load",
        f"{os.getloadavg()[0]:.1f} at the end. Compare ratios, not milliseconds.",
        "",
        f"| | p50 | p99 | added p50 | added p99 | {args.gigabytes:g} GB stream, peak resident | time | {args.sockets:,} idle WebSockets, resident |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for who, row in rows.items():
        added = [f"{row[p] - direct[p]:.2f} ms" if who != "direct" else "" for p in ("p50", "p99")]
        rest = [f"{row['peak']:.0f} MB", f"{row['seconds']:.1f} s", f"{row['sockets']:.0f} MB"] if "peak" in row else ["", "", ""]
        lines.append(f"| {who} | {row['p50']:.2f} ms | {row['p99']:.2f} ms | " + " | ".join(added + rest) + " |")
    lines += [
        "",
        "nginx compares an unsalted SHA-1 and caddy keeps bcrypt's answers; the gateway computes Argon2id once and keeps the answer in memory for",
        "as long as it is used. The gateway writes two lines of a hash chain for each request, and the first before it is sent on.",
        "",
        "The client is one Python process that shares the cores with everything it measures, and its p99 moves by milliseconds from run to run.",
        "Added p99 of each round, beside the direct one of the same turn: "
        + "; ".join(f"{who} " + ", ".join(f"{a:.2f}" for a in row["added"]) + " ms" for who, row in rows.items() if who != "direct")
        + ".",
        verdict(rows["wellhead gateway"]["added"], args),
        "",
    ]
    return "\n".join(lines)


def verdict(added: list, args) -> str:
    """The goal is that the gateway adds less than a millisecond at 1,000 requests a second."""
    met = sum(a < 1 for a in added)
    return f"Less than 1 ms was added at {args.rate:,} requests a second in {met} of {len(added)} rounds."


if __name__ == "__main__":
    main()
