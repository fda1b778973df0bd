"""Names and words of many languages, in plain letters, from named open packages.

Sources, all under licences that let a model be made of them and given away:

- faker 40.54.0 (MIT): given and family names and filler words of some ninety locales
- mimesis 22.2.0 (MIT): given and family names of some forty locales
- names 0.3.0 (MIT; its lists are the 1990 US census's, public domain)
- ``hygiene/data`` (ours): names-first, names-last, words

What a package holds in another script is romanised the way its people commonly do; of
scripts that write no vowels nothing is taken.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources

from hygiene.case import fold
from hygiene.facts import read

FAKER, MIMESIS, NAMES = "40.54.0", "22.2.0", "0.3.0"
"""Versions the shipped model is trained on."""


def _table(letters: str, romans: str) -> dict[str, str]:
    """Pair each letter with its romanisation; ``-`` is for none."""
    pairs = zip(letters, romans.split(), strict=True)
    return {letter: roman.strip("-") for letter, roman in pairs}


_CYRILLIC = _table(
    "абвгдежзийклмнопрстуфхцчшщъыьэюяёєіїґђјљњћџќѓѕәғқңөұүһ",
    "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya "
    "yo ye i yi g dj j lj nj c dz kj gj dz a g q n o u u h",
)
_GREEK = _table(
    "αβγδεζηθικλμνξοπρσςτυφχψω",
    "a v g d e z i th i k l m n x o p r s s t y f ch ps o",
)
_GEORGIAN = _table(
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "a b g d e v z t i k l m n o p zh r s t u p k gh q sh ch ts dz ts ch kh j h",
)
_ARMENIAN = _table(
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆև",
    "a b g d e z e y t zh i l kh ts k h dz gh ch m y n sh o ch p j r s v t r ts v "
    "p k o f ev",
)
_ROMAN = _CYRILLIC | _GREEK | _GEORGIAN | _ARMENIAN

_HANGUL_LEAD, _HANGUL_VOWEL, _HANGUL_TAIL = (
    tuple(part.replace("-", "") for part in parts.split())
    for parts in (
        "g kk n d tt r m b pp s ss - j jj ch k t p h",
        "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i",
        "- k k k n n n t l k m l l l p l m p p t t ng t t k t p t",
    )
)
_HANGUL_FIRST, _HANGUL_LAST = 0xAC00, 0xD7A3

_PINYIN = {
    "": "an ao ai",
    "b": "a ai an ang ao ei en eng i ian iao ie in ing o u",
    "c": "ai an ang ao e en ong ou u ui un uo",
    "ch": "a ai an ang ao e en eng i ong ou u ua uan uang ui un uo",
    "d": "a ai an ang ao e eng i ian iao ie ing iu ong ou u uan ui un uo",
    "f": "a an ang ei en eng o ou u",
    "g": "a ai an ang ao e en eng ong ou u ua uan uang ui un uo",
    "h": "a ai an ang ao e ei en eng ong ou u ua uai uan uang ui un uo",
    "j": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "k": "ai an ang ao e en eng ong ou u uan uang ui un uo",
    "l": "a ai an ang ao e ei eng i ian iang iao ie in ing iu ong ou u uan un uo",
    "m": "a ai an ang ao ei en eng i ian iao ie in ing o ou u",
    "n": "a ai an ang ao ei eng i ian iang iao ie ing iu ong uan uo",
    "p": "an ang ei en eng i ian iao ing u",
    "q": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "r": "an ang en ong ou u ui un uo",
    "s": "an e en i ong ou u uan ui un uo",
    "sh": "a an ang ao e en eng i ou u ua uai uan uang ui un uo",
    "t": "ai an ang ao e eng i ian iao ie ing ong ou u uan uo",
    "w": "an ang ei en eng u",
    "x": "i ia ian iang iao ie in ing iong iu u uan ue un",
    "y": "a an ang ao e i in ing ong ou u uan ue un",
    "z": "e eng ong ou u uo",
    "zh": "an ang ao e en eng i ong ou u ua uan uang ui un uo",
}
_SKIPPED = re.compile(r"prefix|suffix|format|language|degree|kana|pairs").search
_GIVEN = re.compile(r"first|given|middle|fnm|fnf").search
_FAMILY = re.compile(r"last|surname|family").search
_SPLIT = re.compile(r"[^\w'’‘`]+").split
_LETTERS = re.compile(r"[a-z]{2,20}").fullmatch

Keep = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Group:
    """The names of one source and language, sorted, each once."""

    label: str
    given: tuple[str, ...]
    family: tuple[str, ...]


def romanise(text: str) -> Iterator[str]:
    """Yield the words of a name in a-z; nothing for what can not be written so."""
    for word in _SPLIT(text.lower()):
        plain = "".join(map(_letter, word.replace("ß", "ss")))
        plain = re.sub(r"['’‘`ʻʼ]", "", fold(plain))
        if _LETTERS(plain):
            yield plain


def _letter(char: str) -> str:
    if _HANGUL_FIRST <= ord(char) <= _HANGUL_LAST:
        lead, rest = divmod(ord(char) - _HANGUL_FIRST, 21 * 28)
        vowel, tail = divmod(rest, 28)
        return _HANGUL_LEAD[lead] + _HANGUL_VOWEL[vowel] + _HANGUL_TAIL[tail]
    return _ROMAN.get(char, char)


def groups(keep: Keep) -> list[Group]:
    """Return every group, in a fixed order, with the names that ``keep`` lets in."""
    found = [_ours(), _chinese(), *_faker(), *_mimesis(), _census()]
    made = []
    for label, given, family in found:
        first, last = _plain(given, keep), _plain(family, keep)
        if first or last:
            made.append(Group(label, first or last, last or first))
    return made


def words() -> tuple[str, ...]:
    """Return ordinary words of many languages, sorted, each once."""
    import faker.providers.lorem as package

    found = list(read("words"))
    for name in _locales(package.__path__):
        provider = importlib.import_module(f"{package.__name__}.{name}").Provider
        found.extend(provider.word_list)
    return _plain(found, lambda word: True)


Found = tuple[str, Iterable[str], Iterable[str]]


def _plain(texts: Iterable[str], keep: Keep) -> tuple[str, ...]:
    return tuple(sorted({w for text in texts for w in romanise(text) if keep(w)}))


def _ours() -> Found:
    return "ours", read("names-first"), read("names-last")


def _chinese() -> Found:
    """Two pinyin syllables make most given names; one most family names."""
    syllables = [i + f for i, finals in _PINYIN.items() for f in finals.split()]
    pairs = [a + b for a in syllables for b in syllables]
    # Every seventh pair is plenty: what counts is which letters follow which.
    return "pinyin", pairs[::7], syllables


def _locales(paths: Iterable[str]) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(paths))


def _faker() -> Iterator[Found]:
    import faker.providers.person as package

    for name in _locales(package.__path__):
        provider = importlib.import_module(f"{package.__name__}.{name}").Provider
        given: list[str] = []
        family: list[str] = []
        for attribute, value in sorted(vars(provider).items()):
            if _SKIPPED(attribute) or not isinstance(value, list | tuple | dict):
                continue
            texts = [text for text in value if isinstance(text, str)]
            if _GIVEN(attribute):
                given += texts
            elif _FAMILY(attribute):
                family += texts
        yield f"faker/{name}", given, family


def _mimesis() -> Iterator[Found]:
    root = resources.files("mimesis") / "datasets"
    for folder in sorted(root.iterdir(), key=lambda entry: entry.name):
        path = folder / "person.json"
        if not path.is_file():
            continue
        data = json.loads(path.read_text(encoding="utf-8"))
        given, family = _leaves(data.get("names")), _leaves(data.get("surnames"))
        yield f"mimesis/{folder.name}", given, family


def _leaves(data: object) -> list[str]:
    if isinstance(data, dict):
        return [text for value in data.values() for text in _leaves(value)]
    return list(data) if isinstance(data, list) else []


def _census() -> Found:
    root = resources.files("names")
    given = _column(root / "dist.female.first") + _column(root / "dist.male.first")
    return "names/us-census", given, _column(root / "dist.all.last")


def _column(path: resources.abc.Traversable) -> list[str]:
    return [line.split()[0] for line in path.read_text("ascii").splitlines() if line]
