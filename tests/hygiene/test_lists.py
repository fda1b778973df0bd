"""What is taken from a list of domains, what is refused, and which version is used."""

from __future__ import annotations

from datetime import date

import pytest

from hygiene import lists
from hygiene.case import DomainList
from hygiene.domain_set import DomainSet
from hygiene.facts import load, loaded_lists
from hygiene.lists import (
    PACKAGES,
    ListRefused,
    Loaded,
    Sieve,
    block_list,
    installed,
    packaged,
    packaged_file,
    sane,
    verify,
)
from hygiene.suffixes import Suffixes
from hygiene.suggest import Misspelt

SUFFIXES = Suffixes(
    """// ===BEGIN ICANN DOMAINS===
com
uk
co.uk
*.ck
!www.ck
рф
// ===BEGIN PRIVATE DOMAINS===
hopto.org
*.compute.host.org
""".splitlines()
)
PROTECTED = frozenset(
    {"gmail.com", "duck.com", "mail.host.com"} | {f"big{n}.com" for n in range(40)}
)
SIEVE = Sieve(PROTECTED, SUFFIXES, Misspelt(["gmail.com"]))
BAD = {"Trash.com ", "gmail.com", "duck.com", "host.com", "co.uk", "com", "any.ck"}
BAD |= {"www.ck", "hopto.org", "gmial.com", "tmail.com", "eu.compute.host.org"}

FAR = [f"throwaway-{n}.com" for n in range(1200)]


def test_a_list_is_made_safe() -> None:
    made = block_list("bad@1", BAD, SIEVE)
    assert isinstance(made.domains, DomainSet) and len(made.domains) == 3
    assert all(name in made.domains for name in ("trash.com", "www.ck", "tmail.com"))
    assert made.exact == {"hopto.org"}
    assert made.dropped == (
        *("any.ck", "co.uk", "com", "duck.com", "eu.compute.host.org", "gmail.com"),
        *("gmial.com", "host.com"),
    )


def test_suffixes_in_other_scripts_are_known_in_ascii() -> None:
    assert SUFFIXES.tlds == {"com", "uk", "xn--p1ai", "ck"}
    assert SUFFIXES.wild == {"ck", "compute.host.org"}


def test_a_list_full_of_providers_is_refused() -> None:
    with pytest.raises(ListRefused, match="poisoned@1: holds 43 known providers"):
        block_list("poisoned@1", PROTECTED | {"trash.com"}, SIEVE)


@pytest.mark.parametrize("entries", [[], ["", " "]])
def test_an_empty_list_is_refused(entries: list[str]) -> None:
    with pytest.raises(ListRefused, match="empty"):
        block_list("nothing@1", entries, SIEVE)


@pytest.mark.parametrize(
    ("domains", "exact", "message"),
    [
        ({"gmail.com"}, set(), "would turn away as gmail.com"),
        ({"host.com"}, set(), "would turn away as mail.host.com"),
        (set(), {"duck.com"}, "would turn away as duck.com"),
        ({"co.uk"}, set(), "the public suffix as co.uk"),
        (set(), {"com"}, "the public suffix as com"),
    ],
)
def test_a_finished_list_that_harms_is_refused(
    domains: set[str], exact: set[str], message: str
) -> None:
    made = DomainList("made@1", DomainSet.of(domains), frozenset(exact))
    with pytest.raises(ListRefused, match=message):
        verify(made, SIEVE)


@pytest.mark.parametrize("package", PACKAGES[:2], ids=lambda package: package.name)
def test_reading_a_package_as_text_finds_what_running_it_does(
    package: lists.Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_text = set(packaged(package.module, package.attribute))
    assert len(as_text) > 10_000
    monkeypatch.setattr(lists, "ENTRIES_MIN", 10**9)
    assert as_text == set(packaged(package.module, package.attribute))


def test_a_missing_package_is_refused() -> None:
    with pytest.raises(ListRefused, match="no_such_module: not installed"):
        next(packaged("no_such_module", "blocklist"))
    with pytest.raises(ListRefused, match="has no gone.txt any more"):
        next(packaged_file("hygiene", "gone.txt"))


def test_a_file_of_something_else_is_refused() -> None:
    assert sane("a@1", ["A.com", "# note", "пример.com"]) == {
        "a.com",
        "xn--e1afmkfd.com",
    }
    with pytest.raises(ListRefused, match="2 entries are no domains, as 'a@b.com'"):
        sane("addresses@1", ["a@b.com", "localhost", "c.com"])


def test_a_set_of_hashes_holds_what_it_was_made_of() -> None:
    domains = DomainSet.of(FAR)
    assert len(domains) == len(FAR) and all(name in domains for name in FAR)
    assert not [n for n in range(1200, 9000) if f"throwaway-{n}.com" in domains]
    assert "" not in DomainSet.of([])


def test_the_wide_list_is_loaded_when_asked_for() -> None:
    facts = load(breadth=True)
    by_name = {entry.source.partition("@")[0]: entry for entry in facts.disposable}
    wide = by_name["is-burner-email"]
    assert wide.wide and not by_name["mailchecker"].wide
    held = set(installed(PACKAGES[2]).domains)
    assert len(held) > 100_000 and len(wide.dropped) < 1000
    assert "is-burner-email" not in {each.name for each in loaded_lists()}


@pytest.mark.parametrize(
    ("number", "released", "seen", "days"),
    [
        ("1.1.2.20261023", None, None, 30),
        ("0.0.293", None, None, 13),
        ("9", None, date(2026, 11, 21), 1),
        ("9", date(2026, 11, 1), date(2026, 11, 21), 21),
        ("9", None, None, None),
        ("9", date(2027, 1, 1), None, 0),
        ("1.20269999", None, None, None),
    ],
)
def test_the_age_of_a_list(
    number: str, released: date | None, seen: date | None, days: int | None
) -> None:
    made = released or lists.released_on("disposable-email-domains", number)
    each = Loaded("disposable-email-domains", number, 1, 0, made, seen)
    assert each.age_days(date(2026, 11, 22)) == days


def test_what_one_wrong_key_makes_of_a_domain() -> None:
    slips = Misspelt(["gmail.com", "web.de"])
    wrong = {"gmial.com", "gmai.com", "gmaill.com", "gmail.con", "gnail.com", "wen.de"}
    others = {"gmail.com", "tmail.com", "gmail.comx", "gmx.com", "email.com", "", "g"}
    assert slips.among(wrong | others) == wrong
