"""Addresses no person would have: typed by a script, or to get past a form."""

from __future__ import annotations

import re
from itertools import pairwise

from hygiene.case import BUILTIN, CROWD, MARKED, SEPARATED, Case, Host, Signals
from hygiene.rules.excuses import named, own_name
from hygiene.verdict import Category, Finding

TOO_FAST_MS = 1000
"""A form filled in less time was not filled by hand."""

SINGLES_MIN = 2

DIGITS_MIN = 15
"""Digits at the end: telephone numbers have up to thirteen, dates fewer."""

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik", "9ol")
_LAYOUTS = ("qwertzuiop", "azertyuiop", "yxcvbnm", "qsdfghjklm", "wxcvbn")
_COUNTED = "1234567890"
_PAD = frozenset(
    line[::way]
    for line in ("147", "258", "369", "123", "456", "789", "159", "357")
    for way in (1, -1)
)
"""The lines of the pad that numbers are typed on."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_FORWARD = (*KEYBOARD, *_COLUMNS, *_LAYOUTS, _COUNTED)
_ROWS = (*_FORWARD, *(row[::-1] for row in _FORWARD))
_WALKS = frozenset(row[at : at + 3] for row in _ROWS for at in range(len(row) - 2))
_ROW_KEYS = tuple(frozenset(row) for row in KEYBOARD)
_WINDOWS = tuple(
    frozenset(row[at : at + 4]) for row in KEYBOARD[1:] for at in range(len(row) - 3)
)
_REPEATED = re.compile(r"(.{1,4}?)\1+(.{0,3})").fullmatch

_CLUSTERS = re.compile(r"[sdf]{2,}").findall

FEW_KEYS = 4
"""Keys one hand lies on."""

STROKES_MIN = 8
STROKES_SHARE = 0.85
"""Eight keys of which nearly each lies beside the one before: a hand wiping along."""


UNIT_BELOW = -1.5
"""Three keys this unlikely, typed twice, are no nickname (``sdasda``, ``weqweq``)."""


def _neighbours() -> frozenset[str]:
    places = {
        key: (column + shift, row)
        for row, (keys, shift) in enumerate(zip(KEYBOARD, (0, 0.25, 0.75), strict=True))
        for column, key in enumerate(keys)
    }
    return frozenset(
        a + b
        for a, (ax, ay) in places.items()
        for b, (bx, by) in places.items()
        if abs(ax - bx) <= 1 and abs(ay - by) <= 1
    )


_NEIGHBOURS = _neighbours()
_OPENINGS = _NEIGHBOURS.union(walk[:2] for walk in _WALKS)


def _finding(rule: str, matched: str, source: str = BUILTIN) -> Finding:
    return Finding(Category.BOT, rule, matched, source)


def honeypot(signals: Signals) -> Finding | None:
    """The field people do not see was filled in."""
    if not signals.honeypot.strip():
        return None
    return _finding("honeypot", signals.honeypot.strip(), "form@1")


def too_fast(signals: Signals) -> Finding | None:
    """The form came back sooner than anyone can type."""
    elapsed = signals.elapsed_ms
    if elapsed is None or elapsed >= TOO_FAST_MS:
        return None
    return _finding("too-fast", f"{elapsed}ms<{TOO_FAST_MS}ms", "form@1")


def known_bot(case: Case) -> Finding | None:
    """The mailbox is in the database of known bots."""
    lookup = case.facts.known_bots
    if lookup is None:
        return None
    name = lookup(case.canonical) or lookup(case.literal)
    return _finding("known", case.literal, f"{name}@live") if name else None


def fake_local(case: Case) -> Finding | None:
    """``test``, ``asdf123``, ``noemail``: what is typed in place of an address.

    ``test`` may also be the first or the last of several words.
    """
    squashed = case.squashed
    listed = case.words.fake_locals
    if len(squashed) < 4 and case.shape & SEPARATED:
        # a.b.c are initials.
        return None
    if squashed in listed or (len(case.stem) > 3 and case.stem in listed):
        return _finding("fake-local", squashed)
    shape = case.shape
    if shape & MARKED and shape & SEPARATED and _TESTED(case.base):
        return None if own_name(case) else _finding("fake-local", squashed)
    return None


_TESTED = re.compile(
    r"test(?:er|ing|s)?[0-9]*[._-].*|.*[._-]test(?:ing|s)?[0-9]*"
).fullmatch


def mirrored(case: Case) -> Finding | None:
    """``a@a.com``, ``a@b.com``, ``asd@asd.com``, ``abc@xyz.com``, ``john@doe.com``."""
    local = case.local
    name = case.domain.partition(".")[0]
    if case.provider:
        # qq@qq.com, me@me.com: no provider gives its own name away.
        return _finding("mirrored", f"{local}@{name}") if local == name else None
    if local == name:
        listed = local in case.words.fake_locals or local in _ANSWERS
        ordered = _two_keys(case) if len(local) == 2 else _in_order(local)
        same = listed or ordered or len(set(local)) == 1
    else:
        same = _goes_on(local, name)
        # john@doe.com, your@name.com: the whole is what people type for a local part.
        if min(len(local), len(name)) > 1 and len(local + name) > 4:
            same = same or local + name in case.words.fake_locals
    return _finding("mirrored", f"{local}@{name}") if same else None


def _goes_on(local: str, name: str) -> bool:
    """Whether two texts are the same key, or keys in order on both sides."""
    if local[:2] not in _IN_ORDER and local[0] != local[:2][-1]:
        return False
    both = local + name
    if len(both) == 2:
        # m@t.co may be a person; a@b.com and x@y.com are two keys side by side.
        return local.isalpha() and _in_order(both)
    # a@aaa.com; as@df.com and ab@cd.com go on behind the at sign.
    if len(set(both)) == 1:
        return True
    if min(len(local), len(name)) > 1 and len(both) < 7 and _in_order(both):
        return True
    # aaa@bbb.cc and abc@xyz.com are not, though either half has owners.
    near = len(local) > 2 < len(name) or local[0] == chr(ord(name[0]) - 1)
    near = near or local[0] + name[0] in _SIDE_BY_SIDE
    return near and _one_hand(local) and _one_hand(name)


_HOME = frozenset({"df", "fd", "fg", "qw", "wq", "xc", "zx", "sd"})
_BEGIN = frozenset(row[:2] for row in (_ALPHABET, *_FORWARD))
_SIDE_BY_SIDE = frozenset(
    row[at : at + 2] for row in _ROWS for at in range(len(row) - 1)
)
_IN_ORDER = _SIDE_BY_SIDE.union(a + b for a, b in pairwise(_ALPHABET))
_GROWN = frozenset({"com", "net", "org"})
"""Endings where two-letter names have belonged to companies for decades."""
_ANSWERS = frozenset(
    {"hi", "me", "my", "na", "no", "ok", "yo", "lol", "haha", "hahaha", "hehe", "omg"}
    | {"wtf", "bye", "meh", "ugh", "xd", "toto", "titi", "tata", "tutu", "pippo"}
    | {"pluto", "paperino", "topolino", "muster", "proba", "abv", "email", "mail"}
    | {"nope", "nah", "nan", "nil", "lala", "lalala", "blub", "huhu", "fulano", "probe"}
    | {"foo", "bar", "aha", "ooo", "boo", "poop", "shit", "fuck", "sex", "hello", "xxx"}
    | {"yes", "you", "stop", "secret", "crap", "damn", "what", "why"}
    | {"nein", "nix", "nichts", "kein", "keine", "doof", "mist", "kacke", "scheisse"}
    | {"non", "oui", "rien", "merde", "salut", "nada", "hola", "mierda", "puta", "caca"}
    | {"niente", "ciao", "cazzo", "merda", "nulla", "nao", "niks"}
    | {"niets", "geen", "hoi", "doei", "nej", "nei", "ingen", "inget", "intet", "hej"}
    | {"nie", "brak", "kurwa", "dupa", "ahoj", "nyet", "privet"}
    | {"hayir", "yok", "evet", "merhaba", "selam", "nem", "igen", "szia", "ei"}
)
"""What people answer who do not want to give an address."""


def _two_keys(case: Case) -> bool:
    """Whether two letters at a domain of that name are keys and no initials.

    ``jk@jk.nl`` may be initials; ``ab@ab.de`` and ``as@as.de`` are where rows begin,
    and nobody has ``sd.com`` for initials.
    """
    keys = case.local
    grown = case.domain[3:] in _GROWN and keys in _SIDE_BY_SIDE
    return grown or keys in _BEGIN or keys in _HOME


def _one_hand(text: str) -> bool:
    return len(text) > 1 and (len(set(text)) == 1 or _in_order(text))


def _in_order(text: str) -> bool:
    """Whether keys come as in the alphabet, in counting, or on the keyboard."""
    if len(text) > 3:
        return text in _ALPHABET or _walked(text)
    return any(text in row for row in (_ALPHABET, *_ROWS))


def mash(case: Case) -> Finding | None:
    """Keys in a row, one key held down, or the same few keys again and again."""
    squashed, stem = case.squashed, case.stem
    if len(squashed) < 4:
        return None
    walking = wiping = False
    if squashed[:2] in _OPENINGS:
        walking = squashed[:3] in _WALKS
        wiping = stem[2:4] in _NEIGHBOURS or stem[4:6] in _NEIGHBOURS
    elif stem[2:4] in _NEIGHBOURS:
        wiping = stem[4:6] in _NEIGHBOURS
    # Nearly everybody leaves here: no walk, no wiping, no key again soon.
    if not walking and not wiping and stem and stem[0] not in stem[1:5]:
        return None
    few = len(set(stem)) <= FEW_KEYS
    if not walking and not wiping and not few:
        return None
    if case.domain in case.words.numeric_providers or stem in case.facts.names:
        return None
    if not stem:
        return _finding("mash", squashed) if _counted(squashed) else None
    mashed = (
        (walking and len(squashed) > 5 and len(stem) > 2 and _walked(squashed))
        or (few and _few_keys(case, stem))
        or _mashed(stem)
        or (wiping and _wiped(case, stem))
    )
    return _finding("mash", squashed) if mashed and not named(case) else None


def mash_domain(host: Host) -> Finding | None:
    """The same, before the dot of the domain: ``jo@sdfsdfsdf.com``."""
    name = host.parents[-1].partition(".")[0]
    if len(name) >= 6 and name.isalpha() and _mashed(name):
        return _finding("mash-domain", name)
    return None


def digits(case: Case) -> Finding | None:
    """Longer than any telephone number, at a provider that gives out no numbers."""
    count = len(case.squashed) - len(case.stem)
    if count < DIGITS_MIN or case.domain in case.words.numeric_providers:
        return None
    return _finding("digits", case.squashed)


def _counted(text: str) -> bool:
    """Whether digits are one key, a row of keys, or a group three times over.

    Or ``123123``, twice a row of keys; or ``112233``, a row with each key twice or
    three times; or ``147258``, lines of the number pad.
    """
    if len(set(text)) == 1 or text in _COUNTED or text in _COUNTED[::-1]:
        return True
    triples = [text[at : at + 3] for at in range(0, len(text), 3)]
    if len(triples) > 1 and _PAD.issuperset(triples):
        return True
    half = text[: len(text) // 2]
    if len(half) > 2 and text in (half + half, half + half[::-1]) and _counted(half):
        return True
    if len(text) > 5:
        for times in (2, 3):
            singles = text[::times]
            if text == "".join(key * times for key in singles) and _counted(singles):
                return True
    repeated = _REPEATED(text)
    return bool(repeated and not repeated[2] and len(text) >= 3 * len(repeated[1]))


def _mashed(text: str) -> bool:
    if len(text) < 4:
        return False
    if text[:3] in _WALKS and _walked(text):
        return True
    if text[0] not in text[1:5]:
        return False
    keys = len(set(text))
    if keys == 1:
        return text.isascii()
    repeated = _REPEATED(text) if keys <= 4 and len(text) > 5 else None
    if repeated is None:
        return False
    unit, rest = repeated.groups()
    # Yeye and Roeroe are names; asdasd and hjhjhj are a hand that did not move.
    vowels = "aeiouy" if len(unit) < 4 else "eiouy"
    still = unit in _WALKS or not set(unit) & set(vowels)
    one_row = any(row.issuperset(unit) for row in _ROW_KEYS)
    return len(unit) > 1 and still and one_row and unit.startswith(rest)


def _few_keys(case: Case, text: str) -> bool:
    """Whether a hand lay on four keys (``sadfsa``, ``dfgsdf``), or hit three twice.

    Of the keys with ``a`` among them there are names: Sadaf, Assad, Fadda, S. Das.
    """
    model, keys = case.facts.model, set(text)
    if len(keys) < 2 or not text.isascii():
        return False
    twice = len(text) == 6 and text[:3] == text[3:]
    if twice and any(keys <= row for row in _ROW_KEYS):
        score = model.score(text[:3]) if model else None
        return score is not None and score < UNIT_BELOW
    if len(text) > 5 and len(keys) == 2 and not keys & set("aeiouy"):
        return text == (text[:2] * len(text))[: len(text)]
    if not any(keys <= window for window in _WINDOWS):
        return False
    if "a" not in keys:
        return len(text) > 4
    if text[1:] in case.facts.names or text[1:] in {"das", "dass"}:
        return False
    clusters = _CLUSTERS(text)
    unlike = [cluster for cluster in clusters if len(set(cluster)) > 1]
    return (
        len(unlike) > 1
        or any(len(cluster) > 2 for cluster in clusters)
        or any(text.startswith(cluster) for cluster in unlike)
        or text.endswith(("sd", "df", "sf", "fd"))
        or text.count("aa") > 1
        or ("aaa" in text and len(text) > 4)
    )


def _wiped(case: Case, text: str) -> bool:
    """Whether a hand wiped over the keys: ``plokijuhyg``, ``hjkghjfg``."""
    if len(text) < STROKES_MIN:
        return False
    strokes = sum(pair in _NEIGHBOURS for pair in map("".join, pairwise(text)))
    if strokes < STROKES_SHARE * (len(text) - 1) or not text.isascii():
        return False
    model = case.facts.model
    return model is None or (model.score(text) or 0) < 0


def _walked(text: str) -> bool:
    """Whether the text is made of walks along a keyboard row, of three keys or more."""
    at = 0
    while at < len(text):
        if text[at : at + 3] not in _WALKS:
            return False
        at += 3
        while at < len(text) and text[at - 2 : at + 1] in _WALKS:
            at += 1
    return True


def dot_stuffed(case: Case) -> Finding | None:
    """``j.o.h.n.smith`` at Gmail, which ignores dots: one mailbox, many disguises."""
    if case.base.count(".") < CROWD:
        return None
    if case.domain not in {"gmail.com", "googlemail.com"}:
        return None
    singles = sum(len(piece) == 1 for piece in case.base.split("."))
    return _finding("dot-stuffed", case.base) if singles >= SINGLES_MIN else None
