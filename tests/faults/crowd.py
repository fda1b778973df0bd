"""People who sign up, and the servers that post for them until they hear 202.

Who they are, in which order and in which batches they come follows from the seed.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.product import Product

CLIENTS = 4
FILTERED = 0.03  # share of signups that the hygiene filter stops
TWICE = 0.10  # share of people who sign up a second time, with another name
TO_LEAVE = 0.03  # share of people who unsubscribe at the provider later on
PACE = 0.25  # seconds between two posts of a client, so that all the time some come
WAIT = 0.3  # seconds until the same request is sent again
BAD = (
    "someone{n}@mailinator.com",
    "noreply{n}@example.org",
    "no-address-{n}",
)
FIRST = ("Mira", "Jonas", "Ada", "Tomas", "Elif", "Priya", "Noor", "Ravi", "Lena")
LAST = ("Okafor", "Lindgren", "Castro", "Novak", "Demir", "Sharma", "Haddad", "Weiss")


@dataclass(frozen=True, slots=True)
class Signup:
    email: str
    name: str
    good: bool = True


@dataclass(frozen=True, slots=True)
class Post:
    """One request: a single signup, or a batch."""

    key: str  # Idempotency-Key
    signups: tuple[Signup, ...]
    batch: bool


@dataclass(slots=True)
class Taken:
    """A signup that was answered with 202, in the order of the answers."""

    id: str
    signup: Signup
    accepted: bool | None  # None: a repeated request, whose answer does not say


def people(seed: int, count: int) -> list[tuple[str, str]]:
    """(address, first name) of so many people."""
    dice = random.Random(f"{seed} people")
    found = []
    for number in range(count):
        first, last = dice.choice(FIRST), dice.choice(LAST)
        found.append((f"{first}.{last}{number}@gmail.com".lower(), f"{first}{number}"))
    return found


@dataclass
class Crowd:
    """Posts ``count`` signups, as many of them as are let go."""

    product: Product
    display: str
    seed: int
    count: int
    left_before: Sequence[str] = ()
    taken: list[Taken] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    repeats: int = 0  # requests that were sent again
    unstored: int = 0  # items of a batch that had to be posted anew
    leavers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Condition()
        self._allowed = 0
        self._given = 0
        self._posted: list[str] = []
        self._again: list[deque[Post]] = [deque() for _ in range(CLIENTS)]
        self._done = threading.Event()
        self._lines = self._plan()
        self._owner = {
            signup.email.lower(): number
            for number, line in enumerate(self._lines)
            for post in line
            for signup in post.signups
        }
        self._threads = [
            threading.Thread(target=self._client, args=(number,), daemon=True)
            for number in range(CLIENTS)
        ]

    def _plan(self) -> list[list[Post]]:
        """One list of posts per client; all of a person's are in the same one."""
        dice = random.Random(f"{self.seed} crowd")
        count = int(self.count / (1 + TWICE + FILTERED)) - len(self.left_before)
        everybody = people(self.seed, count)
        everybody += [(email, "Back") for email in self.left_before]
        lines: list[list[Signup]] = [[] for _ in range(CLIENTS)]
        for number, (email, name) in enumerate(everybody):
            line = lines[number % CLIENTS]
            line.append(Signup(email, name))
            if dice.random() < FILTERED:
                bad = dice.choice(BAD).format(n=number)
                line.append(Signup(bad, name, good=False))
            if dice.random() < TO_LEAVE:
                self.leavers.append(email)
            elif dice.random() < TWICE:
                again = email.upper() if dice.random() < 0.3 else email
                place = dice.randint(len(line) // 2, len(line))
                first = line.index(Signup(email, name))
                line.insert(max(place, first + 1), Signup(again, f"{name}B"))
        return [self._posts(dice, number, line) for number, line in enumerate(lines)]

    def _posts(
        self, dice: random.Random, client: int, line: Sequence[Signup]
    ) -> list[Post]:
        posts: list[Post] = []
        rest = list(line)
        while rest:
            size = 1 if dice.random() < 0.6 else dice.randint(2, 60)
            mine, rest = rest[:size], rest[size:]
            key = f"{self.seed}-{client}-{len(posts)}"
            posts.append(Post(key, tuple(mine), size > 1))
        return posts

    # --- running it ------------------------------------------------------------
    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def allow(self, share: float) -> None:
        """Let go the first so much of all signups."""
        with self._lock:
            self._allowed = round(share * self.count) + CLIENTS * 60
            self._lock.notify_all()

    def sign_up_again(self, emails: Sequence[str]) -> None:
        """These people sign up once more, each after all they posted before."""
        with self._lock:
            for email in emails:
                post = Post(
                    f"{self.seed}-again-{email}", (Signup(email, "Again"),), False
                )
                self._again[self._owner[email]].append(post)
            self._lock.notify_all()

    def finish(self, seconds: float) -> bool:
        """Let all go and wait; whether everybody was answered."""
        self.allow(2.0)
        with self._lock:
            self._done.set()
            self._lock.notify_all()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def posted(self) -> list[str]:
        """The address of every signup that was to be posted."""
        return self._posted

    @property
    def given(self) -> int:
        return self._given

    def _client(self, number: int) -> None:
        line = deque(self._lines[number])
        while True:
            with self._lock:
                while not (self._again[number] or self._may(line)):
                    if self._done.is_set() and not line:
                        return
                    self._lock.wait(1)
                post = (self._again[number] or line).popleft()
                self._given += len(post.signups)
                self._posted += [signup.email for signup in post.signups]
            try:
                self._post(post)
            except Exception as error:  # shown at the end: nobody else would see it
                self.errors.append(f"{post.key}: {error!r}")
                return
            time.sleep(PACE)

    def _may(self, line: deque[Post]) -> bool:
        return bool(line) and self._given < self._allowed

    def _post(self, post: Post) -> None:
        """Send it until it is answered with 202, with the same key each time."""
        items = [
            {
                "display": self.display,
                "email": signup.email,
                "fields": {"first_name": signup.name},
                "consent": {"given": True, "text": "Email me news"},
                "elapsed_ms": 4200,
            }
            for signup in post.signups
        ]
        path, body = (
            ("signups/batch", {"signups": items})
            if post.batch
            else (
                "signups",
                items[0],
            )
        )
        while True:
            try:
                status, answer = self.product.call(
                    "POST", path, body, headers={"Idempotency-Key": post.key}
                )
            except (OSError, http.client.HTTPException):
                status, answer = 0, None
            if status == 202:
                break
            if status not in (0, 409, 429) and status < 500:
                raise AssertionError(f"{status} {answer}")
            self.repeats += 1
            time.sleep(WAIT)
        results = answer["results"] if post.batch else [answer]
        unstored = []
        with self._lock:
            for signup, result in zip(post.signups, results, strict=True):
                if "id" in result:
                    said = result["status"] == "accepted"
                    self.taken.append(Taken(result["id"], signup, said))
                elif "errors" in result:
                    raise AssertionError(f"{signup}: {result}")
                else:
                    unstored.append(signup)
        if unstored:
            self.unstored += len(unstored)
            self._post(Post(f"{post.key}+", tuple(unstored), True))
