"""Where a page begins: what ``?after=`` may name."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from activity.paging import by_last_seen, read_place
from contacts.models import Contact
from contactsync.tenancy.models import Account

PK = "0190a0a0-0000-7000-8000-000000000001"


def test_a_place_is_read_in_utc() -> None:
    place = read_place(f"2026-03-01T12:00:00+14:00~{PK}")
    assert place == (datetime(2026, 2, 28, 22, tzinfo=UTC), UUID(PK))
    assert place[0].tzinfo is UTC


@pytest.mark.django_db
@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-01", "x", ""],
)
def test_a_moment_that_is_none_gives_the_first_page(acme: Account, moment: str) -> None:
    contact = Contact.objects.create(
        account=acme, email="a@gmail.com", email_key="a@gmail.com", status="accepted"
    )
    page = by_last_seen(Contact.objects.for_account(acme.pk), f"{moment}~{PK}", 10)
    assert list(page.rows) == [contact]
