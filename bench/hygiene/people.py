"""Addresses of natural persons, made up: names of 45 countries by their frequency.

Names: Faker's person providers (MIT) and the lists of the US census of 1990 as the
``names`` package has them (public domain). The mix of countries, the ways to write a
name and the mailbox providers' shares are our estimate of a signup form in English.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module, resources
from itertools import accumulate

COUNTRIES: Mapping[str, float] = {
    "census": 30, "en_GB": 8, "en_IN": 9, "de_DE": 5, "fr_FR": 5, "es_ES": 4,
    "es_MX": 3, "es_CO": 1.5, "es_AR": 1.5, "it_IT": 4, "pt_BR": 4.5, "nl_NL": 2,
    "pl_PL": 2, "ru_RU": 2, "uk_UA": 1, "tr_TR": 1.5, "sv_SE": 1, "da_DK": 0.7,
    "no_NO": 0.7, "fi_FI": 0.7, "cs_CZ": 0.7, "sk_SK": 0.3, "hu_HU": 0.5, "ro_RO": 0.6,
    "el_GR": 0.5, "bg_BG": 0.4, "hr_HR": 0.3, "sl_SI": 0.2, "lt_LT": 0.2, "lv_LV": 0.2,
    "et_EE": 0.1, "is_IS": 0.1, "ga_IE": 0.3, "id_ID": 1.2, "vi_VN": 0.7, "en_NG": 1,
    "yo_NG": 0.5, "en_KE": 0.7, "zu_ZA": 0.5, "en_PK": 1, "ja_JP": 0.8, "zh_CN": 1,
    "zh_TW": 0.5, "ko": 0.6, "en_IE": 0.6, "en_NZ": 0.4,
}  # fmt: skip

PATTERNS: Mapping[str, float] = {
    "{f}.{l}": 19, "{f}{l}": 13, "{i}{l}": 8, "{f}{l}{n}": 9, "{f}.{l}{n}": 7,
    "{f}{n}": 7, "{l}{n}": 2, "{i}{l}{n}": 4, "{i}.{l}": 4, "{f}_{l}": 3.5,
    "{f}_{l}{n}": 1.5, "{l}.{f}": 3, "{l}{f}": 3, "{l}{i}": 1.5, "{f}.{m}.{l}": 2,
    "{f}{m}{l}": 2, "{f}-{l}": 1, "{f}{j}": 1.5, "{f}{j}{n}": 1.5, "{f}.{j}": 0.7,
    "{i}{m}{l}": 1, "{l}{f}{n}": 1, "{f}{l}+{t}": 0.7, "{f}.{l}+{t}": 0.7, "{f}": 2,
    "{l}": 1, "{l}.{i}": 0.6, "{f}{y}{l}": 0.3, "{f}{o}": 0.5, "{i}{m}{j}{n}": 0.3,
}  # fmt: skip

DOMAINS: Mapping[str, float] = {
    "gmail.com": 48, "yahoo.com": 8, "hotmail.com": 7, "outlook.com": 6,
    "icloud.com": 5, "aol.com": 1.5, "live.com": 1, "msn.com": 0.6, "me.com": 0.7,
    "proton.me": 1, "protonmail.com": 0.8, "yahoo.co.uk": 1, "hotmail.co.uk": 1,
    "gmx.de": 0.8, "web.de": 0.8, "gmx.net": 0.3, "t-online.de": 0.3, "orange.fr": 0.6,
    "free.fr": 0.4, "laposte.net": 0.2, "wanadoo.fr": 0.2, "libero.it": 0.5,
    "yahoo.it": 0.2, "uol.com.br": 0.3, "yahoo.com.br": 0.3, "wp.pl": 0.4,
    "o2.pl": 0.2, "mail.ru": 0.8, "yandex.ru": 0.5, "seznam.cz": 0.3, "ukr.net": 0.2,
    "comcast.net": 0.7, "verizon.net": 0.2, "att.net": 0.3, "sbcglobal.net": 0.3,
    "cox.net": 0.2, "bigpond.com": 0.2, "rediffmail.com": 0.2, "naver.com": 0.3,
    "btinternet.com": 0.3, "shaw.ca": 0.1, "rogers.com": 0.1, "ziggo.nl": 0.1,
    "telenet.be": 0.1, "bluewin.ch": 0.1, "fastmail.com": 0.2, "mail.com": 0.2,
    "zoho.com": 0.1, "company": 8,
}  # fmt: skip

_KOREAN_LAST = "kim lee park choi jung kang cho yoon jang lim han oh seo shin kwon"
_KOREAN_FIRST = (
    "minjun seojun dohyun jiho hyunwoo jihoon seoyeon jiwoo soyeon minji yuna jisoo "
    "hyejin eunji sangho taeyang kyungho youngsoo seunghyun bora dahye yejin"
)
_WORDS = "tech group studio media works labs partners consulting design legal dental"
_TLDS = "com com com com net org co.uk de fr it nl io"

_LETTERS = (
    "аa бb вv гg дd еe ёe жzh зz иi йy кk лl мm нn оo пp рr сs тt уu фf хkh цts "
    "чch шsh щshch ъ ыy ь эe юyu яya іi їyi єye ґg јj љlj њnj ћc џdz ђdj ќk ѓg "
    "ѕdz "
    "αa βv γg δd εe ζz ηi θth ιi κk λl μm νn ξx οo πp ρr σs τt υy φf χch ψps ωo "
    "ςs "
)
"""A letter of the Cyrillic or Greek alphabet, and what it is in a passport."""

_PLAIN = str.maketrans(
    {pair[0]: pair[1:] for pair in _LETTERS.split()}
    | {"ł": "l", "ø": "o", "ß": "ss", "đ": "d", "æ": "ae"}
    | {"ı": "i", "þ": "th", "ð": "d", "œ": "oe"}
)


def plain(name: str) -> str:
    """Return a name as its bearer types it into an address, ``""`` if nobody can."""
    name = re.sub("ο[υύ]", "ou", unicodedata.normalize("NFC", name.lower()))
    name = name.translate(_PLAIN)
    name = unicodedata.normalize("NFKD", name).translate(_PLAIN)
    name = "".join(char for char in name if not unicodedata.combining(char))
    name = re.sub(r"[\s'’`.-]+", "", name)
    return name if re.fullmatch(r"[a-z]+", name) else ""


class Names:
    """Names to draw from, with the weights they have in their source."""

    def __init__(self, names: Mapping[str, float] | Sequence[str]) -> None:
        pairs = names.items() if isinstance(names, Mapping) else ((n, 1) for n in names)
        kept = [(text, weight) for name, weight in pairs if (text := plain(name))]
        self.names = [name for name, _ in kept]
        self.weights = list(accumulate(weight for _, weight in kept))

    def draw(self, rng: random.Random) -> str:
        return rng.choices(self.names, cum_weights=self.weights)[0]


def _census(name: str) -> dict[str, float]:
    """One of the census's tables: name, share in percent, ..., per line."""
    text = resources.files("names").joinpath(name).read_text(encoding="ascii")
    lines = (line.split() for line in text.splitlines())
    return {line[0]: float(line[1]) or 0.0005 for line in lines}


@cache
def country(name: str) -> tuple[Names, Names]:
    """Return the (given, family) names of one entry of ``COUNTRIES``."""
    if name == "census":
        both = {**_census("dist.male.first"), **_census("dist.female.first")}
        return Names(both), Names(_census("dist.all.last"))
    if name == "ko":
        return Names(_KOREAN_FIRST.split()), Names(_KOREAN_LAST.split())
    person = import_module(f"faker.providers.person.{name}").Provider
    if name == "ja_JP":
        return (
            Names([row[2] for row in person.first_name_pairs]),
            Names([row[2] for row in person.last_name_pairs]),
        )
    if name.startswith("zh_"):
        return Names(person.first_romanized_names), Names(person.last_romanized_names)
    given: dict[str, float] = {}
    for part in ("female", "male", "unisex"):
        given.update(_weighted(getattr(person, f"first_names_{part}", ())))
    family = _weighted(getattr(person, "last_names", ()))
    if name == "pl_PL":
        family = _weighted(person.unisex_last_names)
    elif name == "is_IS":
        family = {f"{n}son": 1.0 for n in person.last_names_without_suffix}
    elif name == "bg_BG":
        # The letter that Russian does not sound is a vowel here.
        given, family = (
            {n.lower().replace("ъ", "a"): w for n, w in names.items()}
            for names in (given, family)
        )
    return Names(given or _weighted(person.first_names)), Names(family)


def _weighted(names: Mapping[str, float] | Sequence[str]) -> dict[str, float]:
    if isinstance(names, Mapping):
        return dict(names)
    return dict.fromkeys(names, 1.0)


def _digits(rng: random.Random) -> str:
    """The number behind a name: a year, its last digits, a small number, luck."""
    kind = rng.random()
    if kind < 0.35:
        return f"{rng.randint(50, 110) % 100:02}"
    if kind < 0.6:
        return str(rng.randint(1955, 2009))
    if kind < 0.75:
        return str(rng.randint(1, 9))
    if kind < 0.9:
        return str(rng.randint(10, 999))
    if kind < 0.97:
        return f"{rng.randint(1, 31):02}{rng.randint(1, 12):02}"
    return str(rng.randint(10_000, 999_999))


def _company(rng: random.Random, family: str) -> str:
    tld = rng.choice(_TLDS.split())
    kind = rng.random()
    if kind < 0.4 and len(family) > 3:
        return f"{family}{rng.choice(['', '-', ''])}{rng.choice(_WORDS.split())}.{tld}"
    other = country("census")[1].draw(rng)
    if kind < 0.7:
        return f"{other}{rng.choice(_WORDS.split())}.{tld}"
    if kind < 0.85 and len(family) > 3:
        return f"{family}.{tld}"
    if kind < 0.93:
        return f"{rng.choice(['uk', 'corp', 'eu', 'us', 'de'])}.{other}group.{tld}"
    return f"{rng.choice(['student', 'alumni', 'cs'])}.{other}university.edu"


def people(count: int, seed: int = 20261122) -> Iterator[tuple[str, str, str]]:
    """Yield (address, given name, family name), always the same for a seed."""
    rng = random.Random(seed)
    countries, patterns, domains = (
        (list(table), list(accumulate(table.values())))
        for table in (COUNTRIES, PATTERNS, DOMAINS)
    )
    for _ in range(count):
        where = rng.choices(countries[0], cum_weights=countries[1])[0]
        given, family = country(where)
        first, last, middle = given.draw(rng), family.draw(rng), given.draw(rng)
        pattern = rng.choices(patterns[0], cum_weights=patterns[1])[0]
        domain = rng.choices(domains[0], cum_weights=domains[1])[0]
        if domain == "company":
            domain = _company(rng, last)
        elif pattern in {"{f}", "{l}"} or len(first) + len(last) < 5:
            # A bare name at a large provider was taken long ago; a number was not.
            pattern = f"{pattern.partition('+')[0].replace('{n}', '')}{{n}}"
        local = pattern.format(
            f=first,
            l=last,
            i=first[0],
            j=last[0],
            m=middle[0],
            n=_digits(rng),
            y=rng.choice(["y", "n", "e", "und", "and", "x"]),
            o=country("census")[0].draw(rng),
            t=rng.choice(["news", "shop", "web", "lists", "spam", "promo", "2026"]),
        )
        if rng.random() < 0.06:
            local = re.sub(r"(^|[._-])([a-z])", lambda m: m[1] + m[2].upper(), local)
        yield f"{local[:64]}@{domain}", first, last
