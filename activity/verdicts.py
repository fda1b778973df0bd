"""What the hygiene filter found, as a marketer reads it."""

from __future__ import annotations

import re

from activity import words
from hygiene.catalogue import explain
from hygiene.verdict import Category, Finding

SCORE = re.compile(r"\bllr=\S+")


def told(category: str, rule: str, evidence: str) -> tuple[str, str]:
    """What was found and what to do, one sentence each.

    A stored verdict may carry a rule of an older release that the catalogue does not
    know any more; then its category and evidence have to do.
    """
    try:
        found = explain(Category(category), rule)
    except (KeyError, ValueError):
        title = words.category(category)
        return f"The address was turned away: {title}.", ""
    matched = _matched(evidence)
    what = f"{found.what} Found: {matched}." if matched else found.what
    return what, found.todo


def _matched(evidence: str) -> str:
    """What in the address hit the rule, or "" for evidence of another form. A score
    says nothing to a marketer: it stays in the evidence."""
    try:
        return SCORE.sub("", Finding.from_evidence(evidence).matched).strip()
    except ValueError:
        return ""
