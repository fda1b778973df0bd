"""Which version of a list is in use, and what a new one may not bring."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection

from hygiene import releases, watch
from hygiene.facts import default_facts, keeper, loaded_lists, read_sieve
from hygiene.judge import judge
from hygiene.lists import ListRefused, RawList
from hygiene.models import ListRelease

FAR = [f"throwaway-{n}.com" for n in range(1200)]


@pytest.fixture
def kept() -> Iterator[None]:
    """This process's own lists are back afterwards."""
    before, maker, on_use = keeper.standing(), keeper.maker, keeper.on_use
    yield
    keeper.put(before)
    keeper.maker, keeper.on_use = maker, on_use


def own(version: str, domains: Any = FAR, **more: Any) -> RawList:
    return RawList("own", version, domains, **more)


def run(*words: str) -> str:
    out = StringIO()
    call_command("hygiene_lists", *words, stdout=out)
    return out.getvalue()


def in_use() -> dict[str, str]:
    return dict(ListRelease.objects.filter(active=True).values_list("name", "version"))


@pytest.mark.django_db
def test_a_release_is_kept_once_and_used() -> None:
    first = releases.take_in(own("1", released_on=date(2026, 11, 1)))
    assert (first.created, first.active, first.release.count) == (True, True, 1200)
    assert releases.entries_of(first.release) == set(FAR)
    again = releases.take_in(own("1", [name.upper() for name in FAR]))
    assert (again.created, again.release.pk) == (False, first.release.pk)
    assert ListRelease.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("bad", ["gmail.com", "duck.com", "co.uk", "web.id"])
def test_a_release_that_begins_to_hold_people_is_refused(bad: str) -> None:
    releases.take_in(own("1"))
    with pytest.raises(ListRefused, match=f"own@2: holds 1 .*, as {bad}"):
        releases.take_in(own("2", [*FAR, bad]))
    assert in_use() == {"own": "1"}
    releases.take_in(own("2", [*FAR, bad]), force=True)
    facts = releases.load(False).facts
    assert judge(f"anna@{bad}", facts=facts).category != "disposable"
    releases.take_in(own("3", [*FAR, bad, "news.example-trash.com"]))  # no news
    assert in_use()["own"] == "3"


@pytest.mark.django_db
@pytest.mark.parametrize("size", [900, 1500])
def test_a_release_of_quite_another_size_is_refused(size: int) -> None:
    releases.take_in(own("1"))
    domains = [f"throwaway-{n}.com" for n in range(size)]
    with pytest.raises(ListRefused, match=f"own@2: {size} entries, and 1200"):
        releases.take_in(own("2", domains))
    assert releases.take_in(own("2", domains), force=True).active


@pytest.mark.django_db
def test_force_does_not_take_a_list_of_providers() -> None:
    providers = [*read_sieve().protected]
    with pytest.raises(ListRefused, match="known providers"):
        releases.take_in(own("1", [*FAR, *providers]), force=True)
    assert not ListRelease.objects.exists()


@pytest.mark.django_db
def test_a_pinned_list_stays_where_it_is() -> None:
    releases.take_in(own("1"))
    run("pin", "own")
    more = [*FAR, "one-more.com"]
    assert not releases.take_in(own("2", more)).active
    assert in_use() == {"own": "1"}
    run("unpin", "own")
    assert releases.take_in(own("2", more)).active
    assert in_use() == {"own": "2"}


@pytest.mark.django_db
def test_a_rollback_holds_until_it_is_unpinned() -> None:
    releases.take_in(own("1"))
    releases.take_in(own("2", [*FAR, "one-more.com"]))
    assert "own@1 is in use again, and pinned" in run("rollback", "own")
    assert not releases.take_in(own("2", [*FAR, "one-more.com"])).active
    with pytest.raises(CommandError, match="no release before"):
        run("rollback", "own")
    assert "own@2 is pinned" in run("pin", "own", "2")
    assert in_use() == {"own": "2"}


@pytest.mark.django_db
def test_the_commands_tell_what_is_what(tmp_path: Path) -> None:
    file = tmp_path / "own.txt"
    file.write_text("# ours\n" + "\n".join(FAR))
    options = ["--file", str(file), "--name", "own", "--released", "2026-01-02"]
    assert "own@1: taken in, 1200 domains, in use" in run(
        "update", *options, "--number", "1"
    )
    file.write_text("\n".join([*FAR[1:], "one-more.com"]))
    run("update", *options, "--number", "2")
    told = run("diff", "own")
    assert "own: 1 -> in use: 1 added, 1 removed" in told
    assert "  + one-more.com\n  - throwaway-0.com\n" in told
    assert "0 added, 0 removed" in run("diff", "own", "1", "1")
    shown = run("show")
    assert "own 2  sha256 " in shown and "(OLD)  in use" in shown
    assert "kept beside it: own@1" in shown
    assert "in use, from the installed package" in shown
    with pytest.raises(CommandError, match="own@9 is not here"):
        run("pin", "own", "9")
    with pytest.raises(CommandError, match="--file needs"):
        run("update", "--file", str(file))


@pytest.mark.django_db
def test_a_release_stands_in_for_the_package() -> None:
    name = "disposable-email-domains"
    releases.take_in(RawList(name, "1", FAR), force=True)
    standing = releases.load(False)
    assert [each.version for each in standing.lists if each.name == name] == ["1"]
    found = judge("jo@throwaway-7.com", facts=standing.facts)
    assert found.evidence == f"disposable:domain:throwaway-7.com:{name}@1"


@pytest.mark.django_db
def test_a_release_that_is_damaged_does_not_stop_the_filter() -> None:
    taken = releases.take_in(own("1"))
    ListRelease.objects.filter(pk=taken.release.pk).update(entries=b"no zlib")
    names = [each.name for each in releases.load(False).lists]
    assert names == ["disposable-email-domains", "mailchecker"]


# --- every process --------------------------------------------------------------------


@pytest.mark.django_db
def test_a_look_puts_newer_lists_in_place(kept: None) -> None:
    looker = watch.Watch(30)
    keeper.put(looker._load())
    old = default_facts()
    assert looker.look() is False and default_facts() is old
    releases.take_in(own("1"))
    assert looker.look() is True
    assert judge("jo@throwaway-7.com", facts=default_facts()).category == "disposable"
    assert judge("jo@throwaway-7.com", facts=old).accepted
    assert [each.name for each in loaded_lists()][0] == "own"


@pytest.mark.django_db
def test_a_data_base_that_is_away_changes_nothing(
    kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looker = watch.Watch(30)
    keeper.put(looker._load())
    old = default_facts()

    def gone() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(releases, "stamp", gone)
    with pytest.raises(DatabaseError):
        looker.look()
    assert default_facts() is old


def test_a_process_without_a_data_base_starts_with_the_packages(
    kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(releases, "stamp", gone)
    names = [each.name for each in watch.Watch(30).first().lists]
    assert names == ["disposable-email-domains", "mailchecker"]


def test_the_thread_looks_again_after_a_failure(
    kept: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    enough = threading.Event()

    def look(self: watch.Watch) -> bool:
        looked.append(1)
        if len(looked) >= 3:
            enough.set()
            threading.Event().wait()  # and never again
        raise DatabaseError("away")

    monkeypatch.setattr(watch.Watch, "look", look)
    looker = watch.Watch(0.01)
    for _ in range(3):
        looker.glance()
    assert enough.wait(10)
    named = [t for t in threading.enumerate() if t.name == "hygiene-lists"]
    assert len(named) == 1 and named[0].daemon


def test_nothing_is_watched_without_seconds(
    kept: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.HYGIENE_LISTS_SECONDS = 0
    watch.start()
    assert keeper.on_use is None
    settings.HYGIENE_LISTS_SECONDS = 30
    watch.start()
    assert isinstance(keeper.on_use, Callable)  # type: ignore[arg-type]


CHILD = """
import sys, time
import django
django.setup()
from hygiene.facts import default_facts
from hygiene.judge import judge
told = ""
while told != "valid again":
    category = judge("jo@throwaway-7.com", facts=default_facts()).category.value
    now = category if not told else "valid again" if category == "valid" else category
    if now != told and (now != "valid again" or told == "disposable"):
        told = now
        print(told, flush=True)
    time.sleep(0.02)
"""


@pytest.mark.pg
@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_every_process_swaps_without_a_restart(tmp_path: Path) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("needs a data base that processes share")
    place = connection.settings_dict
    url = (
        f"postgres://{place['USER']}:{place['PASSWORD']}@{place['HOST']}:"
        f"{place['PORT']}/{place['NAME']}"
    )
    variables = {
        **os.environ,
        "DATABASE_URL": url,
        "CONTACTSYNC_HOME": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "contactsync.settings",
        "HYGIENE_LISTS_SECONDS": "0.1",
    }
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD],
            env=variables,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    def told() -> list[str]:
        return [child.stdout.readline().strip() for child in children if child.stdout]

    try:
        assert told() == ["valid", "valid"]
        first = releases.take_in(own("1"), activate=False).release
        releases.use(releases.take_in(own("2", FAR[8:]), activate=False).release)
        releases.use(first)
        assert told() == ["disposable", "disposable"]
        releases.use(releases.find("own", "2"))
        assert told() == ["valid again", "valid again"]
        assert [child.wait(20) for child in children] == [0, 0]
    finally:
        for child in children:
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "damage", [b"", b"\x00rubbish", zlib.compress(b"\xff\xfe\x00")]
)
def test_a_damaged_release_is_named_to_a_person_and_mended(damage: bytes) -> None:
    releases.take_in(own("1"))
    releases.take_in(own("2", [*FAR, "one-more.com"]))
    ListRelease.objects.filter(version="2").update(entries=damage)
    assert "own@2: damaged in the data base" in run("show")
    for words in (("diff", "own"), ("diff", "own", "1", "2")):
        with pytest.raises(CommandError, match="own@2: damaged"):
            run(*words)
    assert len(releases.load(False).lists) == 2  # the packages
    assert "own@1 is in use again" in run("rollback", "own")
    releases.use(releases.find("own", "2"))
    releases.take_in(own("2", [*FAR, "one-more.com"]), force=True)
    assert "one-more.com" in releases.entries_of(releases.find("own"))


@pytest.mark.django_db
def test_another_list_than_was_taken_in_is_damaged() -> None:
    releases.take_in(own("1"))
    ListRelease.objects.update(entries=zlib.compress(b"rossi.it"))
    judged = judge("mira@rossi.it", facts=releases.load(False).facts)
    assert judged.accepted
