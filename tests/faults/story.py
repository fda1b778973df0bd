"""The proof: thousands sign up while everything breaks, and nothing is lost.

`tell` runs one story from its seed. It is the same for the test and for the soak.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.faults import books, schedule
from tests.faults.crowd import Crowd, people
from tests.faults.product import Product, product
from tests.faults.provider import AUDIENCE, KEY, Provider, provider

LEFT_BEFORE = 40
DRAIN = 300.0  # seconds until all has arrived after the last fault
ANSWERED = 300.0  # seconds until the last client has heard 202


def repeat_words(seed: int, engine: str, signups: int, steps: int) -> str:
    """How to run the same story again."""
    return (
        f"To repeat it: make soak SEED={seed} ENGINE={engine} SIGNUPS={signups} "
        f"STEPS={steps}"
    )


class Failed(AssertionError):
    """The story did not end well; the message has the account and how to repeat it."""


def tell(
    seed: int,
    *,
    engine: str,
    signups: int,
    steps: int,
    say: Callable[[str], None],
    folder: Path | None = None,
) -> None:
    """Run one story. Raises Failed.

    folder: where logs and the SQLite file go and stay; None: a temporary one.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="contactsync-faults-") as made:
            return tell(
                seed,
                engine=engine,
                signups=signups,
                steps=steps,
                say=say,
                folder=Path(made),
            )
    heard: list[str] = []

    def note(line: str) -> None:
        heard.append(line)
        say(line)

    words = repeat_words(seed, engine, signups, steps)
    note(f"seed {seed}: {signups} signups on {engine}, {steps} faults. {words}")
    with (
        provider() as at,
        product(engine, folder, {"mailchimp": at.sandbox.base_url("mailchimp")}) as it,
    ):
        try:
            for name in ("worker1", "worker2"):
                it.worker(name)
            linked = it.link("Shop", KEY)
            display = it.display(linked, AUDIENCE)
            before = [e for e, _ in people(-seed - 1, LEFT_BEFORE)]
            before = [f"gone.{email}" for email in before]
            at.seed_left(before)
            crowd = Crowd(it, display, seed, signups, before)
            scene = schedule.Scene(it, at, crowd, linked, list(crowd.leavers))
            started = time.monotonic()
            crowd.start()
            schedule.run(scene, schedule.plan(seed, engine, steps), note)
            found = []
            if not crowd.finish(ANSWERED):
                found.append("clients still wait for an answer")
            note(
                f"{time.monotonic() - started:6.1f} s  all answered: "
                f"{len(crowd.taken)} signups, {crowd.repeats} requests repeated, "
                f"{crowd.unstored} items posted anew"
            )
            if not books.drained(it, DRAIN):
                found.append(f"not drained:\n{books.what_is_left(it)}")
            found += books.complaints(it, at, crowd)
            note(f"{time.monotonic() - started:6.1f} s  {summary(it, at)}")
        except Exception as error:
            note(f"{type(error).__name__}: {error}")
            raise Failed("\n".join([*heard, it.logs(), words])) from error
        if found:
            raise Failed("\n".join([*heard, "", *found, "", it.logs(), words]))


def summary(it: Product, at: Provider) -> str:
    """How the deliveries ended, and what it took."""
    ends = it.rows("SELECT state, count(*) FROM integrations_delivery GROUP BY state")
    rows = sum(len(write.emails) for write in at.writes)
    return (
        f"deliveries {dict(ends)}; {len(at.writes)} writes of {rows} rows; "
        f"{len(at.left)} people had left"
    )
