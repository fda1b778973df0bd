"""Workers that send confirmation mails are killed with -9 while they do.

What docs/confirmation.md promises: a killed process costs at most one mail too many,
and nobody goes without. So each mail goes out at least once, and more than once only to
those whom a killed process had in hand.
"""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.displays.confirming import LINK
from tests.displays.smtp import Post, served
from tests.faults.product import PATIENCE, Product, product, wait_until
from tests.faults.programs import Program
from tests.faults.stub import AUDIENCE, running_stub

pytestmark = [pytest.mark.faults, pytest.mark.pg, pytest.mark.redis, pytest.mark.slow]
pytestmark += [pytest.mark.xdist_group("beside")]

PEOPLE = 60
SEED = 5
PROCESSES = 2  # of each worker
KILLS = 4
# How far a mail has come when its worker is killed: before the mail server has it, when
# it has it and did not say so, and when it has said so a moment ago.
MOMENTS = ("rcpt", "data", "said")
IN_HAND = """SELECT email, sends FROM displays_confirmation
WHERE state = 'queued' AND sends > 0"""
OPEN = "SELECT count(*) FROM displays_confirmation WHERE state <> 'sent'"


@dataclass
class Killer:
    """Kills a worker when so many mails were taken, from within the mail server.

    ``in_hand``: of each kill, the mails (address, the how many-eth) that a process had
    begun and not noted as sent.
    """

    it: Product
    workers: list[Program]
    plan: list[tuple[int, str]]
    seen: int = 0
    in_hand: list[set[tuple[str, int]]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def said(self, address: str) -> None:
        self.answer("said", address)

    def answer(self, stage: str, address: str) -> str | None:
        with self.lock:
            if stage == "rcpt":
                self.seen += 1
            due = self.plan and self.plan[0]
            if due and self.seen >= due[0] and stage == due[1]:
                self.plan.pop(0)
                self.kill()
        return None

    def kill(self) -> None:
        """All of one worker's processes; its keeper starts it again."""
        self.workers[len(self.in_hand) % len(self.workers)].kill9()
        self.in_hand.append({(row[0], row[1]) for row in self.it.rows(IN_HAND)})


@pytest.fixture(scope="module")
def post() -> Iterator[Post]:
    with served() as running:
        yield running


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory, post: Post) -> Iterator[Product]:
    folder: Path = tmp_path_factory.mktemp("mails")
    with running_stub() as stub:
        more = {
            "EMAIL_URL": f"smtp://127.0.0.1:{post.port}",
            "BASE_URL": "https://shop.test",
            "CONFIRM_ADDRESSES_PER_IP": "100000",
            "CONFIRM_MAILS_PER_ADDRESS": str(KILLS + 1),
        }
        with product(
            "postgresql", folder, {"mailchimp": stub.url}, lease=120, more=more
        ) as running:
            yield running


def own_display(it: Product) -> str:
    linked = it.link("Acme", f"{'a':0>32}-us1")
    made = it.must(
        "POST", "displays", {"name": "Popup", "kind": "popup", "status": "live"}
    )
    rule = {
        "linked_account": linked,
        "audience": AUDIENCE,
        "own_confirmation": True,
        "mapping": {"first_name": "FNAME"},
        "enabled": True,
    }
    it.must("POST", f"displays/{made['id']}/rules", rule)
    return str(made["id"])


def sign_up(it: Product, display: str, people: list[str]) -> None:
    signups = [
        {
            "display": display,
            "email": email,
            "fields": {"first_name": "Mira"},
            "consent": {"given": True, "text": "Mail me news"},
        }
        for email in people
    ]
    it.must("POST", "signups/batch", {"signups": signups})


def is_ready(worker: Program) -> bool:
    return worker.log.exists() and worker.said(" ready.")


def test_killed_workers_leave_nobody_without_and_mail_few_twice(
    it: Product, post: Post, record_property: Any
) -> None:
    dice = random.Random(SEED)
    people = [f"mira.okafor{number}@gmail.com" for number in range(PEOPLE)]
    display = own_display(it)
    workers = [it.worker(name, processes=PROCESSES) for name in ("one", "two")]
    wait_until(lambda: all(map(is_ready, workers)), PATIENCE, "workers")
    step = PEOPLE // (KILLS + 1)
    plan = [
        (step * (turn + 1) + dice.randrange(step), MOMENTS[turn % len(MOMENTS)])
        for turn in range(KILLS)
    ]
    killer = Killer(it, workers, plan)
    post.answer, post.said = killer.answer, killer.said
    sign_up(it, display, people)

    wait_until(
        lambda: not killer.plan and it.rows(OPEN) == [(0,)],
        PATIENCE,
        "everybody is mailed",
    )

    got = Counter(address for address, _ in post.taken)
    begun = Counter(email for email, _ in set().union(*killer.in_hand))
    twice = {email: times - 1 for email, times in got.items() if times > 1}
    record_property(
        "said",
        f"confirmation mails: {PEOPLE} people, {KILLS} kills (seed {SEED}), "
        f"{sum(begun.values())} in hand, {sum(twice.values())} mailed once more",
    )
    assert len(killer.in_hand) == KILLS
    assert sum(worker.starts for worker in workers) == len(workers) + KILLS
    assert set(got) == set(people), "nobody goes without"
    assert all(times <= begun[email] for email, times in twice.items()), (twice, begun)
    assert sum(twice.values()) <= KILLS * PROCESSES
    assert twice, "a kill after the mail server had it costs a mail: it was one"
    links: dict[str, set[str]] = {}
    for address, text in post.taken:
        found = LINK.search(text)
        assert found is not None, text
        links.setdefault(address, set()).add(found[1])
    assert {len(each) for each in links.values()} == {1}, "the same link each time"
    assert it.rows(
        "SELECT state, reason, count(*) FROM integrations_delivery GROUP BY 1, 2"
    ) == [("awaiting_opt_in", "opt_in.sent", PEOPLE)]
    _, books = it.call("GET", "ledger")
    assert books["unexplained"] == 0, json.dumps(books)
