"""Two processes that change the lists at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connection

from hygiene import known, releases
from hygiene.lists import RawList
from hygiene.models import KnownAddress, ListRelease

pytestmark = [pytest.mark.pg, pytest.mark.django_db(transaction=True)]
FAR = [f"throwaway-{n}.com" for n in range(1200)]


def together(*works: Callable[[], object]) -> list[BaseException]:
    barrier = threading.Barrier(len(works))
    wrong: list[BaseException] = []

    def run(work: Callable[[], object]) -> None:
        try:
            barrier.wait(20)
            work()
        except BaseException as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return wrong


@pytest.fixture(autouse=True)
def only_postgres() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")


def test_the_same_release_twice() -> None:
    raw = RawList("own", "1", FAR)
    assert together(*[lambda: releases.take_in(raw)] * 4) == []
    assert ListRelease.objects.get().active


def test_two_versions_of_one_list() -> None:
    releases.take_in(RawList("own", "0", FAR))

    def version(number: int) -> Callable[[], object]:
        raw = RawList("own", f"{number}", [*FAR, f"more-{number}.com"])
        return lambda: releases.take_in(raw)

    assert together(*map(version, range(1, 5))) == []
    assert ListRelease.objects.count() == 5
    assert ListRelease.objects.filter(active=True).count() == 1


def test_known_addresses_from_two_sides() -> None:
    def add(number: int) -> Callable[[], object]:
        entries = [f"p{number}x{n}@example.net" for n in range(50)]
        return lambda: known.add(entries, kind="bot", source="s")

    assert together(*map(add, range(4))) == []
    assert KnownAddress.objects.count() == 200
