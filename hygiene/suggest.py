"""A likelier spelling of a domain: a hint, for which nobody is ever turned away."""

from __future__ import annotations

from collections.abc import Iterable

from hygiene.case import Facts


def deletions(text: str) -> set[str]:
    """Return the text and every form of it that lacks one letter."""
    return {text} | {text[:at] + text[at + 1 :] for at in range(len(text))}


def typo_table(domains: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Index domains by their deletions, for ``suggest``."""
    table: dict[str, tuple[str, ...]] = {}
    for domain in domains:
        for form in deletions(domain):
            table[form] = (*table.get(form, ()), domain)
    return table


def one_slip(a: str, b: str) -> bool:
    """Whether one added, lost, wrong or swapped letter makes one into the other."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    at = 0
    while at < min(len(a), len(b)) and a[at] == b[at]:
        at += 1
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    if len(a) > len(b):
        return a[at + 1 :] == b[at:]
    swapped = a[at + 1 : at + 2] + a[at : at + 1] + a[at + 2 :]
    return a[at + 1 :] == b[at + 1 :] or swapped == b[at:]


class Misspelt:
    """What one wrong key makes of some domains, their first letter aside.

    People rarely miss the first letter, and other domains of one's own differ in it:
    ``tmail.com`` is not a slip of the finger. Nothing is listed: it would be a thousand
    texts for each domain.
    """

    __slots__ = ("_near",)

    def __init__(self, domains: Iterable[str]) -> None:
        self._near: dict[tuple[str, int], tuple[str, ...]] = {}
        for domain in domains:
            for length in range(len(domain) - 1, len(domain) + 2):
                key = domain[0], length
                self._near[key] = (*self._near.get(key, ()), domain)

    def among(self, names: Iterable[str]) -> set[str]:
        """Return those of some domains that are a slip away from one of ours."""
        near = self._near
        return {
            name
            for name in names
            if (name[:1], len(name)) in near and self._holds(name)
        }

    def _holds(self, name: str) -> bool:
        for domain in self._near[name[:1], len(name)]:
            # Wherever the slip is, one of the ends is as it should be.
            whole = name[:4] == domain[:4] or name.endswith(domain[5:])
            if whole and one_slip(name, domain) and not name.startswith(domain):
                return True
        return False


def nearest_tld(ending: str, facts: Facts) -> str:
    """Return the common ending one slip away from an unknown one, ``""`` if none is."""
    common = facts.words.common_tlds
    near = sorted(tld for tld in common if len(tld) > 2 and one_slip(ending, tld))
    if not near:
        near = sorted(tld for tld in common if one_slip(ending, tld))
    return "com" if "com" in near else next(iter(near), "")


def ends_well(domain: str, facts: Facts) -> bool:
    """Whether there is such an ending, as far as we know any.

    Some countries have only second levels: ``ac.za`` and ``co.za``, but no ``za``.
    """
    rest, _, ending = domain.rpartition(".")
    if not facts.tlds or ending in facts.tlds:
        return True
    return f"{rest.rpartition('.')[2]}.{ending}" in facts.suffixes


def suggest(domain: str, facts: Facts) -> str:
    """Return the domain that was probably meant, ``""`` where this one looks right."""
    if domain in facts.mailboxes or domain in facts.masks:
        return ""
    typos = facts.typos
    for form in deletions(domain):
        for target in typos.get(form, ()):
            if one_slip(domain, target) and _alike(domain, target):
                return target
    if ends_well(domain, facts):
        return ""
    rest, _, ending = domain.rpartition(".")
    tld = nearest_tld(ending, facts)
    return f"{rest}.{tld}" if tld else ""


def _alike(domain: str, target: str) -> bool:
    """Whether so short a name as ``web.de`` has at least its first letter."""
    return target.find(".") > 3 or domain[0] == target[0]
