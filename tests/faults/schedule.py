"""What goes wrong, and in which order: all of it follows from the seed.

Every kind of fault comes at least once, in a shuffled order; what time is left is
filled with kinds drawn at random.
"""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.crowd import Crowd
from tests.faults.product import Product, wait_until
from tests.faults.programs import Program
from tests.faults.provider import Provider

HIT = 12.0  # seconds that a fault of the provider waits to fall on a request
BACK = 180.0  # seconds until a server is back, and until a hold is found


@dataclass(frozen=True, slots=True)
class Step:
    """One fault. ``pick`` chooses between the workers, ``size`` is seconds or a
    number of requests: a step reads from it what it needs."""

    name: str
    pick: int
    size: float

    def __str__(self) -> str:
        return f"{self.name}({self.pick}, {self.size:.1f})"


@dataclass(slots=True)
class Scene:
    """All that can be broken."""

    product: Product
    provider: Provider
    crowd: Crowd
    linked: str
    leavers: list[str]

    def do(self, step: Step) -> str:
        """Let it happen; what there is to say about it."""
        return STEPS[step.name](self, step) or ""


def plan(seed: int, engine: str, steps: int) -> list[Step]:
    """``steps`` faults, but each kind that the engine knows at least once."""
    dice = random.Random(f"{seed} faults")
    kinds = [n for n in STEPS if engine == "postgresql" or n not in SERVERS_ONLY]
    names = list(kinds)
    dice.shuffle(names)
    names += [dice.choice(kinds) for _ in range(steps - len(names))]
    return [Step(name, dice.randrange(1000), dice.uniform(1, 4)) for name in names]


# --- our processes ---------------------------------------------------------------
def one_worker(scene: Scene, step: Step) -> Program:
    workers = scene.product.workers
    return workers[step.pick % len(workers)]


def mid_batch(scene: Scene) -> str:
    """Wait until a batch is under way at a provider that takes its time."""
    scene.provider.faults(latency_ms=1500)
    deadline = time.monotonic() + HIT
    while not scene.provider.open and time.monotonic() < deadline:
        time.sleep(0.02)
    return f"{scene.provider.open} requests under way"


def workers_killed(scene: Scene, step: Step) -> str:
    """All at once: whoever sends is among them."""
    said = mid_batch(scene)
    for worker in scene.product.workers:
        worker.kill9()
    scene.provider.faults()
    return said


def worker_killed(scene: Scene, step: Step) -> str:
    said = mid_batch(scene)
    one_worker(scene, step).kill9()
    scene.provider.faults()
    return said


def pool_process_killed(scene: Scene, step: Step) -> str:
    said = mid_batch(scene)
    for worker in scene.product.workers:
        worker.kill9_child()
    scene.provider.faults()
    return said


def web_killed(scene: Scene, step: Step) -> None:
    scene.product.web.kill9()


def web_process_killed(scene: Scene, step: Step) -> None:
    scene.product.web.kill9_child()


def beat_killed(scene: Scene, step: Step) -> None:
    scene.product.beat.kill9()


# --- our servers -----------------------------------------------------------------
def redis_killed(scene: Scene, step: Step) -> None:
    assert scene.product.broker
    scene.product.broker.kill9()
    time.sleep(step.size)
    scene.product.broker.start()


def redis_flushed(scene: Scene, step: Step) -> None:
    assert scene.product.broker
    address = ("127.0.0.1", scene.product.broker.port)
    with socket.create_connection(address, timeout=10) as session:
        session.sendall(b"FLUSHALL\r\n")
        assert session.recv(64).startswith(b"+OK")


def redis_frozen(scene: Scene, step: Step) -> None:
    assert scene.product.broker
    scene.product.broker.freeze()
    try:
        time.sleep(2 * step.size)
    finally:
        scene.product.broker.thaw()


def postgres_restarted(scene: Scene, step: Step) -> None:
    assert scene.product.database
    scene.product.database.stop("immediate")
    time.sleep(step.size / 2)
    scene.product.database.start()


# --- the provider ----------------------------------------------------------------
def dial(seconds: float = HIT, **faults: object) -> Callable[[Scene, Step], str]:
    """A step that turns the dial until it fell on some writes."""

    def turn(scene: Scene, step: Step) -> str:
        times = 1 + step.pick % 3
        scene.provider.faults(**faults, times=times, only="/lists/*")
        deadline = time.monotonic() + seconds
        while not scene.provider.resting and time.monotonic() < deadline:
            time.sleep(0.05)
        left = scene.provider.simulator.dial.read().times or 0
        scene.provider.faults()
        return f"fell on {times - left} of {times} requests"

    return turn


def half_done(scene: Scene, step: Step) -> str:
    """Half of a batch is taken, and the answer is an error."""
    scene.provider.halves = 1 + step.pick % 2
    deadline = time.monotonic() + HIT
    while scene.provider.halves and time.monotonic() < deadline:
        time.sleep(0.05)
    left, scene.provider.halves = scene.provider.halves, 0
    return f"{left} left over"


def credentials_lost(scene: Scene, step: Step) -> str:
    """Until the account is found broken; then somebody mends it and presses Test."""
    scene.provider.faults(credentials="broken")
    path = f"linked-accounts/{scene.linked}"

    def status() -> str:
        return str(scene.product.must("GET", path)["status"])

    try:
        wait_until(lambda: status() == "broken", BACK, "the account is found broken")
        time.sleep(step.size)
    finally:
        scene.provider.faults()
    scene.product.must("POST", f"{path}/test")
    assert status() == "connected"
    return "found broken, tested, connected again"


def people_leave(scene: Scene, step: Step) -> str:
    """Some who are on the list unsubscribe there, and sign up again."""
    gone = scene.provider.leave(scene.leavers)
    scene.leavers = [email for email in scene.leavers if email not in gone]
    scene.crowd.sign_up_again(gone)
    return f"{len(gone)} left"


STEPS: dict[str, Callable[[Scene, Step], str | None]] = {
    "workers_killed": workers_killed,
    "worker_killed": worker_killed,
    "pool_process_killed": pool_process_killed,
    "web_killed": web_killed,
    "web_process_killed": web_process_killed,
    "beat_killed": beat_killed,
    "redis_killed": redis_killed,
    "redis_flushed": redis_flushed,
    "redis_frozen": redis_frozen,
    "postgres_restarted": postgres_restarted,
    "provider_429": dial(status=429, retry_after=2),
    "provider_500": dial(status=500),
    "provider_truncates": dial(truncate=True),
    "provider_never_answers": dial(timeout_after_accept=True),
    "provider_closes": dial(drop=True),
    "provider_closes_after": dial(drop_after_accept=True),
    "provider_refuses_half": dial(fail_share=0.5),
    "provider_does_half": half_done,
    "credentials_lost": credentials_lost,
    "people_leave": people_leave,
}
SERVERS_ONLY = ("redis_killed", "redis_flushed", "redis_frozen", "postgres_restarted")


def run(scene: Scene, steps: Sequence[Step], say: Callable[[str], None]) -> None:
    """All steps, one after the other, while the crowd signs up evenly."""
    started = time.monotonic()
    for number, step in enumerate(steps):
        scene.crowd.allow((number + 1) / len(steps))
        at = time.monotonic() - started
        said = scene.do(step)
        took = time.monotonic() - started - at
        say(f"{at:6.1f} s  {step!s:<32} {took:5.1f} s  {said}")
        time.sleep(step.size / 4)
    with contextlib.suppress(AssertionError):
        people_leave(scene, steps[-1])
