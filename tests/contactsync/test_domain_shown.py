"""A domain is shown as people write it, and listed as machines do."""

from __future__ import annotations

import pytest

from contactsync.lib.email import domain_shown
from hygiene.entries import shown


@pytest.mark.parametrize(
    ("domain", "written"),
    [
        ("xn--mller-kva.de", "müller.de"),
        ("mail.xn--mller-kva.de", "mail.müller.de"),
        ("example.com", "example.com"),
        ("xn--\x00.de", "xn--\x00.de"),
        ("xn--a.de", "xn--a.de"),
        ("", ""),
    ],
)
def test_a_domain_as_people_write_it(domain: str, written: str) -> None:
    assert domain_shown(domain) == written


def test_an_entry_as_people_write_it() -> None:
    assert shown("tree", "xn--mller-kva.de") == "*.müller.de"
    assert shown("domain", "xn--mller-kva.de") == "müller.de"
    assert shown("address", "jo@xn--mller-kva.de") == "jo@müller.de"
