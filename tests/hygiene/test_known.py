"""Mailboxes known for bots and traps: what is kept, and what is found again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from hygiene import known, releases
from hygiene.case import Facts
from hygiene.judge import judge
from hygiene.known import KnownError
from hygiene.models import KnownAddress

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_traps() -> Iterator[None]:
    yield
    known._Traps.lookup = None


def run(*words: str) -> str:
    out = StringIO()
    call_command("known_addresses", *words, stdout=out)
    return out.getvalue()


def test_nobody_known_costs_nothing() -> None:
    assert known.bot_lookup() is None
    known.load_traps()
    assert known.trap_lookup() is None


def test_an_address_is_found_in_every_form_and_kept_in_none(facts: Facts) -> None:
    assert known.add(["Jo.Hn+offer@Gmail.com"], kind="bot", source="abuse-desk") == 2
    for row in KnownAddress.objects.all():
        assert len(row.digest) == 64 and "john" not in str(row.__dict__)
    lookup = known.bot_lookup()
    judged = replace(facts, reports={}, known_bots=lookup)
    for address in (
        "john@gmail.com",
        "j.o.h.n@googlemail.com",
        "jo.hn+offer@gmail.com",
    ):
        verdict = judge(address, facts=judged)
        assert verdict.evidence.startswith("bot:known:"), address
        assert verdict.evidence.endswith(":abuse-desk@live")
    assert judge("johnny@gmail.com", facts=judged).accepted


def test_adding_again_adds_nothing_and_removing_forgets() -> None:
    address = "anna@example-shop.com"
    assert known.add([address, address], kind="bot", source="manual") == 1
    assert known.add([address], kind="bot", source="other") == 0
    assert known.remove([address.upper()]) == 1
    assert known.bot_lookup() is None


def test_a_trap_answers_in_the_judge_s_words(facts: Facts) -> None:
    known.add(["pot@trap-site.com"], kind="trap", source="manual")
    known.load_traps()
    lookup = known.trap_lookup()
    assert lookup is not None and known.bot_lookup() is None
    verdict = judge("pot@trap-site.com", facts=facts, suppressed=lookup)
    assert (verdict.category, verdict.rule) == ("suppressed", "trap")
    assert lookup("pan@trap-site.com") is None


def test_another_key_finds_nothing(settings: Any) -> None:
    known.add(["pot@trap-site.com"], kind="bot", source="manual")
    before = known.key_id()
    settings.SECRET_KEY = "quite another"
    lookup = known.bot_lookup()
    assert lookup is not None and lookup("pot@trap-site.com") is None
    assert known.key_id() != before


def test_every_process_is_told_of_a_change() -> None:
    seen = {releases.stamp()}
    known.add(["a@b-shop.com"], kind="bot", source="manual")
    seen.add(releases.stamp())
    known.remove(["a@b-shop.com"])
    seen.add(releases.stamp())
    assert len(seen) == 3
    assert len(releases.load(False).lists) == 2  # the mark of a change is no list


def test_an_export_comes_back_and_holds_no_address(
    tmp_path: Path, settings: Any
) -> None:
    run("add", "jo.hn@gmail.com", "--source", "desk")
    run("add", "pot@trap-site.com", "--kind", "trap")
    text = run("export")
    assert "@" not in text and f"key {known.key_id()}" in text
    file = tmp_path / "known.csv"
    file.write_text(text)
    KnownAddress.objects.all().delete()
    assert "3 new digests" in run("import", str(file))
    assert "0 new digests" in run("import", str(file))
    assert run("export") == text
    assert "bot desk: 2 digests\ntrap manual: 1 digests" in run("show")
    settings.SECRET_KEY = "quite another"
    with pytest.raises(CommandError, match="another SECRET_KEY"):
        run("import", str(file))


def test_a_file_of_addresses(tmp_path: Path) -> None:
    file = tmp_path / "bots.txt"
    file.write_text("\ufeff# from the desk\na@b-shop.com\n\nc@d-shop.com\n", "utf-8")
    assert "2 new digests" in run("import", str(file), "--source", "desk")
    file.write_text("e@f-shop.com\nnobody\n")
    with pytest.raises(CommandError, match="line 2: not an email address: 'nobody'"):
        run("import", str(file))
    with pytest.raises(CommandError, match="No such file"):
        run("import", str(tmp_path / "gone"))
    with pytest.raises(KnownError, match="a source is a word"):
        known.add(["a@b.com"], kind="bot", source="a:b")
