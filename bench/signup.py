"""What a signup costs, against the least that a Django view can do.

Both views run in one gunicorn (gthread, 2 workers, 4 threads); rounds alternate. CPU
is what the kernel counted for the web workers and, on PostgreSQL, for its processes,
per request. p99 is what 16 keep-alive connections saw.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from typing import Any

from bench.procs import cpu_of, family
from bench.world import body, prepare, world
from tests.services import free_port

ROUNDS = 7
REQUESTS = 1600
CONNECTIONS = 16


def http(path: str, content: bytes, key: str) -> str:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    ) + content.decode()


def round_of(port: int, path: str, at: dict[str, Any], tag: str, n: int) -> Any:
    requests = [
        http(path, body(at["display"], f"{tag}{i}"), at["pk"]) for i in range(n)
    ]
    spec = {"port": port, "requests": requests, "connections": CONNECTIONS}
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=json.dumps(spec),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def wait_for(port: int, seconds: float = 60) -> None:
    """Until the server answers /healthz."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError("the server did not come up")


def measure(database_pid: int | None) -> dict[str, dict[str, float]]:
    """Rounds of both views in turn; medians over the rounds."""
    prepare()
    at = world()
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "contactsync.wsgi:application"]
        + ["--workers", "2", "--threads", "4", "--worker-class", "gthread"]
        + ["--keep-alive", "30", "--bind", f"127.0.0.1:{port}"],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        paths = {"minimal": "/bench/minimal", "signup": "/api/v1/signups"}
        seen: dict[str, list[dict[str, float]]] = {name: [] for name in paths}
        for number in range(ROUNDS + 1):
            for name, path in paths.items():
                web = family(server.pid)
                db = family(database_pid) if database_pid else []
                app, data = cpu_of(web), cpu_of(db)
                tag = f"{os.getpid()}x{number}x{name}x"
                got = round_of(port, path, at, tag, REQUESTS)
                web_after = family(server.pid)
                db_after = family(database_pid) if database_pid else []
                if number:  # the first round warms up
                    times = sorted(got["times"])
                    seen[name].append(
                        {
                            "app": (cpu_of(web_after) - app) / REQUESTS * 1e6,
                            "db": (cpu_of(db_after) - data) / REQUESTS * 1e6,
                            "p50": statistics.median(times) * 1e3,
                            "p99": times[int(len(times) * 0.99)] * 1e3,
                            "rate": REQUESTS / got["wall"],
                        }
                    )
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    return {
        name: {
            figure: statistics.median(round_[figure] for round_ in rounds)
            for figure in rounds[0]
        }
        for name, rounds in seen.items()
    }


def report(engine: str, found: dict[str, dict[str, float]]) -> None:
    print(f"signup on {engine}: medians of {ROUNDS} alternating rounds")
    print(f"{'view':9}{'app us':>8}{'db us':>8}{'p50 ms':>8}{'p99 ms':>8}{'req/s':>8}")
    for name, row in found.items():
        print(
            f"{name:9}{row['app']:8.0f}{row['db']:8.0f}{row['p50']:8.1f}"
            f"{row['p99']:8.1f}{row['rate']:8.0f}"
        )
    least, ours = found["minimal"], found["signup"]
    cpu = (ours["app"] + ours["db"]) / (least["app"] + least["db"])
    print(f"ratio CPU {cpu:.2f}  p99 {ours['p99'] / least['p99']:.2f}")
