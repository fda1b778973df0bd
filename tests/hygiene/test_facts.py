"""What is loaded, and what is kept out of it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hygiene import facts as loading
from hygiene.case import Facts, Words
from hygiene.facts import ListRefused, Suffixes, block_list, default_facts, read, swap
from hygiene.gibberish import train
from hygiene.judge import judge

SUFFIXES = Suffixes(
    [
        "// ===BEGIN ICANN DOMAINS===",
        "com",
        "uk",
        "co.uk",
        "*.ck",
        "!www.ck",
        "рф",
        "// ===BEGIN PRIVATE DOMAINS===",
        "hopto.org",
    ]
)
PROTECTED = frozenset({"gmail.com", "duck.com", "mail.host.com", *map(str, range(40))})


def test_a_list_is_made_safe() -> None:
    made = block_list(
        "bad@1",
        {
            "Trash.com ",
            "gmail.com",
            "duck.com",
            "host.com",
            "co.uk",
            "com",
            "any.ck",
            "www.ck",
            "hopto.org",
            "gmial.com",
            "tmail.com",
        },
        PROTECTED,
        SUFFIXES,
        ["gmail.com"],
    )
    assert made.domains == {"trash.com", "www.ck", "tmail.com"}
    assert made.exact == {"hopto.org"}
    assert made.dropped == (
        *("any.ck", "co.uk", "com", "duck.com", "gmail.com", "gmial.com", "host.com"),
    )


def test_a_list_full_of_providers_is_refused() -> None:
    with pytest.raises(ListRefused, match="poisoned@1: holds 43 known providers"):
        block_list("poisoned@1", PROTECTED | {"trash.com"}, PROTECTED, SUFFIXES)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(ListRefused, match="empty"):
        block_list("nothing@1", set(), PROTECTED, SUFFIXES)


def test_a_missing_package_is_refused() -> None:
    with pytest.raises(ListRefused, match="no_such_module: not installed"):
        loading.packaged("no_such_module", "blocklist")


@pytest.mark.parametrize(
    ("module", "name"),
    [("disposable_email_domains", "blocklist"), ("MailChecker", "blacklist")],
)
def test_reading_a_package_as_text_finds_what_running_it_does(
    module: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_text = loading.packaged(module, name)
    monkeypatch.setattr(loading, "ENTRIES_MIN", 10**9)
    assert set(as_text) == set(loading.packaged(module, name))


def test_no_loaded_list_holds_a_person(facts: Facts) -> None:
    for entry in facts.disposable:
        assert len(entry.domains) > 5000
        held = entry.domains | entry.exact
        assert not held & (facts.mailboxes | facts.masks)
        assert not held & (facts.suffixes | facts.tlds)


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
        assert not [e for e in read(name) if set(e) & set("._-+ 0123456789")], name


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
    try:
        assert swap(other) is facts
        assert default_facts() is other
    finally:
        swap(facts)
    assert default_facts() is facts


def test_the_model_is_what_the_lists_make_it(facts: Facts) -> None:
    lists = read("names-first"), read("names-last"), read("words")
    assert train(*lists) == facts.model


def test_the_model_tells_names_from_noise(facts: Facts) -> None:
    for name in ("krzysztofbrzezinski", "xiaoming.zhang", "ngozi_okonkwo88"):
        assert facts.model.score(name) > 0
    for noise in ("xkqzvwptgh", "q7zxk2vwp9", "bvcxdfghrtq"):
        assert facts.model.score(noise) < -11
    assert facts.model.score("o'brien") is None
