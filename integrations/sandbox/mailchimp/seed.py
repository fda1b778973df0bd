"""The account a fresh sandbox starts with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from integrations.sandbox.mailchimp.lists import put_field
from integrations.sandbox.mailchimp.rules import ADMIN_LEFT, PERSON_LEFT
from integrations.sandbox.mailchimp.state import Account, Audience, Member
from integrations.sandbox.messages import Json

NEWSLETTER = "a6b5da1054"
VIP = "c1f83e07b2"

FIELDS: tuple[Json, ...] = (
    {"tag": "FNAME", "name": "First Name", "type": "text"},
    {"tag": "LNAME", "name": "Last Name", "type": "text"},
    {"tag": "PHONE", "name": "Phone Number", "type": "phone"},
    {"tag": "BIRTHDAY", "name": "Birthday", "type": "birthday"},
)
# address, first and last name, status, days ago, who ended it
_NEWSLETTER = (
    ("ada.lovelace@analytical.example", "Ada", "Lovelace", "subscribed", 90, ""),
    ("grace.hopper@compilers.example", "Grace", "Hopper", "subscribed", 61, ""),
    ("alan.turing@bletchley.example", "Alan", "Turing", "unsubscribed", 40, "person"),
    (
        "edsger.dijkstra@paths.example",
        "Edsger",
        "Dijkstra",
        "unsubscribed",
        33,
        "admin",
    ),
    ("charles.babbage@engines.example", "Charles", "Babbage", "cleaned", 21, ""),
    ("barbara.liskov@types.example", "Barbara", "Liskov", "subscribed", 2, ""),
)
_VIP = (
    ("katherine.johnson@orbits.example", "Katherine", "Johnson", "subscribed", 30, ""),
    ("hedy.lamarr@spectrum.example", "Hedy", "Lamarr", "pending", 1, ""),
    ("ada.lovelace@analytical.example", "Ada", "Lovelace", "subscribed", 12, ""),
)
_TAGS = {
    "ada.lovelace@analytical.example": ("Early bird",),
    "grace.hopper@compilers.example": ("Early bird", "Customer"),
}


def plant(account: Account) -> None:
    """Fill an empty account."""
    for list_id, name, double_optin, people in (
        (NEWSLETTER, "Newsletter", False, _NEWSLETTER),
        (VIP, "VIP early access", True, _VIP),
    ):
        audience = new_audience(account, list_id, name, double_optin)
        for person in people:
            _add(account, audience, *person)


def new_audience(
    account: Account, list_id: str, name: str, double_optin: bool
) -> Audience:
    """An empty audience with the usual four fields."""
    audience = Audience(list_id, name, double_optin, account.next_web_id(), _stamp(120))
    account.audiences[list_id] = audience
    for field in FIELDS:
        put_field(account, audience, field)
    return audience


def _stamp(days_ago: float) -> str:
    moment = datetime.now(UTC) - timedelta(days=days_ago)
    return moment.isoformat(timespec="seconds")


def _add(
    account: Account,
    audience: Audience,
    email: str,
    first: str,
    last: str,
    status: str,
    days: int,
    left_by: str,
) -> None:
    asked = audience.double_optin
    member = Member(
        email,
        status,
        account.next_web_id(),
        merge={"FNAME": first, "LNAME": last},
        ip_signup="198.51.100.7" if asked else "",
        timestamp_signup=_stamp(days + 0.01) if asked else "",
        ip_opt="" if status == "pending" else "198.51.100.7",
        timestamp_opt="" if status == "pending" else _stamp(days),
        last_changed=_stamp(days),
        left_by=left_by,
        left_reason={"person": PERSON_LEFT, "admin": ADMIN_LEFT}.get(left_by, ""),
        source="Hosted Signup Form" if asked else "API - Generic",
        opt_in_mails=int(asked),
    )
    for name in _TAGS.get(email, ()):
        member.tags[str(account.tag(audience, name).id)] = member.last_changed
    audience.put(member)
    account.touch(audience, member)
