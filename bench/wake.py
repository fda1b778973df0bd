"""From the POST of a signup to the provider, when nothing else goes on.

The whole product as ``manage.py up`` runs it: on PostgreSQL and Redis, or embedded, on
SQLite and a broker in files. Signups come one at a time, at uneven distances.
"""

from __future__ import annotations

import http.client
import os
import random
import statistics
import time
from typing import Any

from bench.procs import Stub, provider_stub, provider_urls, running, until
from bench.world import body, prepare, world
from integrations.models import Delivery, State
from tests.services import free_port

SIGNUPS = 200
WARM = 10
APART = (0.2, 0.5)  # seconds between two
PATIENCE = 60.0


def answers(port: int) -> bool:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        link.request("GET", "/healthz")
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def post_all(
    port: int, at: dict[str, Any], seed: int
) -> dict[str, tuple[float, float]]:
    """Address to when its POST began and when it was answered."""
    uneven = random.Random(seed)
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {
        "Authorization": f"Bearer {at['pk']}",
        "Content-Type": "application/json",
    }
    sent: dict[str, tuple[float, float]] = {}
    for number in range(WARM + SIGNUPS):
        content = body(at["display"], number)
        began = time.monotonic()
        link.request("POST", "/api/v1/signups", content, headers)
        answer = link.getresponse()
        said = answer.read()
        assert answer.status == 202, said
        sent[f"mira.okafor{number}@gmail.com"] = (began, time.monotonic())
        time.sleep(uneven.uniform(*APART))
    link.close()
    return sent


def all_settled() -> bool:
    return Delivery.objects.filter(state=State.SYNCED).count() == WARM + SIGNUPS


def measure(stub: Stub) -> tuple[list[float], list[float]]:
    """Milliseconds from each POST to the provider, and to its answer; sorted."""
    prepare()
    at = world()
    port = free_port()
    up = ["manage.py", "up", "--no-sandbox", "--port", str(port)]
    urls = {"CONTACTSYNC_PROVIDER_URLS": provider_urls(stub)}
    with running(up, **urls):
        until(lambda: answers(port), PATIENCE, "the product did not come up")
        time.sleep(5)  # the worker and beat need longer than the web server
        sent = post_all(port, at, seed=1)
        until(all_settled, PATIENCE, "not every signup was sent")
    came = stub.ask("/stub/arrivals")
    counted = list(sent.items())[WARM:]
    there = sorted((came[email] - began) * 1e3 for email, (began, _) in counted)
    answered = sorted((ended - began) * 1e3 for _, (began, ended) in counted)
    return there, answered


def report(engine: str) -> None:
    load = os.getloadavg()[0]
    with provider_stub() as stub:
        there, answered = measure(stub)
    broker = "Redis" if engine == "postgresql" else "a broker in files"
    print(
        f"idle, {engine} and {broker}: ms from the POST, {SIGNUPS} signups one by one,"
    )
    print(f"load before {load:.1f}")
    print(f"{'':16}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    for name, times in (("at the provider", there), ("POST answered", answered)):
        marks = [statistics.median(times)]
        marks += [times[int(len(times) * share)] for share in (0.95, 0.99)]
        marks.append(times[-1])
        print(f"{name:16}" + "".join(f"{mark:8.1f}" for mark in marks))
