"""What is loaded, and what is kept out of it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hygiene.case import Facts, Words
from hygiene.facts import default_facts, keeper, read, swap
from hygiene.judge import judge


def test_no_loaded_list_holds_a_person(facts: Facts) -> None:
    people = facts.mailboxes | facts.masks
    for entry in facts.disposable:
        assert len(entry.domains) > 5000  # type: ignore[arg-type]
        for name in people | facts.suffixes | facts.tlds:
            assert name not in entry.domains and name not in entry.exact, name
        for name in people:
            parents = [name.split(".", cut)[cut] for cut in range(1, name.count("."))]
            assert not [parent for parent in parents if parent in entry.domains], name


def test_strangers_below_a_company_suffix_are_not_disposable(facts: Facts) -> None:
    suffix = next(entry for entry in facts.disposable if entry.exact)
    name = min(suffix.exact)
    assert judge(f"anna@{name}", facts=facts).category == "disposable"
    below = judge(f"anna@shop.{name}", facts=facts)
    assert below.category != "disposable", below.evidence


@pytest.mark.parametrize("name", [f.name.replace("_", "-") for f in fields(Words)])
def test_our_lists_are_clean(name: str) -> None:
    entries = read(name)
    assert entries == sorted(set(entries))
    assert all(entry == entry.strip().lower() and entry for entry in entries)


def test_squashed_lists_hold_no_separators() -> None:
    for name in ("role-hard", "role-soft", "role-core", "broadcast-locals"):
        entries = read(name)
        assert not [e for e in entries if set(e) & set("._-+ ")], name
        # What ends in digits is looked up without them, a bare year aside.
        assert not [e for e in entries if e[-1].isdigit() and not e.isdigit()], name


OTHER_SCRIPTS = [
    (name, entry)
    for name in ("role-hard", "broadcast-locals", "transactional-locals")
    for entry in read(name)
    if not entry.isascii()
]


@pytest.mark.parametrize(("name", "entry"), OTHER_SCRIPTS)
def test_words_in_other_scripts_are_found(facts: Facts, name: str, entry: str) -> None:
    verdict = judge(f"{entry}@acme.com", facts=facts)
    assert verdict.category == name.partition("-")[0], verdict


def test_one_word_has_one_meaning(facts: Facts) -> None:
    words = facts.words
    assert not words.role_hard & words.role_soft
    assert words.role_core <= words.role_hard
    assert not facts.mailboxes & words.placeholder_domains
    assert not facts.mailboxes & facts.masks
    assert not facts.masks & words.transactional_hosts
    assert not facts.mailboxes & words.transactional_hosts
    assert not facts.mailboxes & words.broadcast_hosts


def test_known_endings(facts: Facts) -> None:
    assert {"com", "photography", "xn--p1ai", "ck"} <= facts.tlds
    assert {"co.uk", "com.au"} <= facts.suffixes
    assert facts.words.reserved_suffixes & facts.tlds <= {"arpa", "onion"}


def test_facts_are_loaded_once_and_swapped_whole(facts: Facts) -> None:
    assert default_facts() is facts
    other = replace(facts, reports={}, masks=frozenset())
    before = keeper.standing()
    try:
        assert swap(other) is facts
        assert default_facts() is other
    finally:
        keeper.put(before)
    assert default_facts() is facts
