"""Who may be put on a list, and what a write does to a member."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from integrations.sandbox.faults import Dial, Faults
from integrations.sandbox.mailchimp import problems
from integrations.sandbox.mailchimp.state import (
    Account,
    Audience,
    Member,
    member_hash,
    now,
)
from integrations.sandbox.mailchimp.validation import (
    check_address,
    check_choice,
    check_schema,
    check_status,
    merge_values,
    timestamp,
)
from integrations.sandbox.messages import Json, Request

ADMIN_LEFT = "N/A (Unsubscribed by an admin)"
PERSON_LEFT = "No longer interested"
_TYPES: dict[str, type | tuple[type, ...]] = {
    "email_address": str,
    "email_type": str,
    "status": str,
    "status_if_new": str,
    "merge_fields": dict,
    "interests": dict,
    "language": str,
    "vip": bool,
    "location": dict,
    "ip_signup": str,
    "ip_opt": str,
    "timestamp_signup": str,
    "timestamp_opt": str,
    "tags": list,
}


@dataclass(slots=True)
class Event:
    """Something webhooks may want to know. `source` is "user", "admin" or "api"."""

    type: str
    source: str
    audience: Audience
    member: Member
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Call:
    """What a handler works with: one request to the account."""

    account: Account
    request: Request
    faults: Faults
    dial: Dial
    base: str  # address of the interface, version included
    events: list[Event]
    params: dict[str, str] = field(default_factory=dict)

    @property
    def audience(self) -> Audience:
        """The list named in the path. Raises Problem."""
        try:
            return self.account.audiences[self.params["list_id"]]
        except KeyError:
            raise problems.not_found() from None

    @property
    def member(self) -> Member:
        """The member named in the path. Raises Problem."""
        found = self.audience.find(self.params["slot"])
        if found is None:
            raise problems.not_found()
        return found

    @property
    def demand(self) -> bool:
        """Whether required merge fields are insisted upon."""
        return self.request.query.get("skip_merge_validation", "").lower() != "true"


def check_member_body(body: Json, required: tuple[str, ...] = ()) -> None:
    """Raise Problem where the body does not fit Mailchimp's schema of a member."""
    check_schema(body, _TYPES, required)
    for name in ("status", "status_if_new"):
        if body.get(name):
            check_status(name, body[name])
    if body.get("email_type"):
        check_choice("email_type", body["email_type"], ("html", "text"))


def refuse_by_dial(call: Call, email: str) -> None:
    """Raise Problem when this write falls into the refused share."""
    share = call.faults.fail_share
    if share and call.dial.refuses_write(share):
        raise problems.looks_fake(email)


def _check_consent(
    call: Call, audience: Audience, email: str, member: Member | None, status: str
) -> None:
    if status not in ("subscribed", "pending"):
        return
    lowered = email.lower()
    if lowered in call.faults.compliance:
        raise problems.compliance(email)
    if lowered in call.faults.throttled:
        raise problems.throttled(email)
    if member is None or not member.locked:
        return
    # The one way back for somebody who left: ask them (status "pending").
    left = "cleaned" in (member.status, member.status_before)
    if status == "subscribed" or left:
        raise problems.compliance(email)


def create(call: Call, audience: Audience, body: Json, status: str) -> Member:
    """Add an address that is not on the list (an archived one counts as new)."""
    email = body["email_address"].strip()
    check_address(email, call.faults)
    former = audience.members.get(member_hash(email))
    forgotten = member_hash(email) in audience.forgotten
    if former is None and (forgotten or email.lower() in call.faults.forgotten):
        raise problems.forgotten(email)
    refuse_by_dial(call, email)
    _check_consent(call, audience, email, former, status)
    stored = former.merge if former else {}
    merge = merge_values(
        audience, body.get("merge_fields", {}), stored, demand=call.demand
    )
    member = former or Member(email, "", call.account.next_web_id())
    member.email, member.merge = email, merge
    _copy_details(member, body)
    audience.put(member)
    _set_status(call, audience, member, status, body)
    member.last_changed = now()
    call.account.touch(audience, member)
    return member


def update(
    call: Call, audience: Audience, member: Member, body: Json, *, demand: bool
) -> bool:
    """Change a member in place; whether anything changed."""
    refuse_by_dial(call, member.email)
    status = body.get("status") or member.status
    if status != member.status or member.email.lower() in call.faults.compliance:
        _check_consent(call, audience, member.email, member, status)
    merge = merge_values(
        audience, body.get("merge_fields", {}), member.merge, demand=demand
    )
    before = member.document()
    email = (body.get("email_address") or member.email).strip()
    if email != member.email:
        _rename(call, audience, member, email)
    member.merge = merge
    _copy_details(member, body)
    profile_changed = member.document() != before
    if status != member.status:
        _set_status(call, audience, member, status, body)
    elif profile_changed and member.status == "subscribed":
        call.events.append(Event("profile", "api", audience, member))
    if member.document() == before:
        return False
    member.last_changed = now()
    call.account.touch(audience, member)
    return True


def _rename(call: Call, audience: Audience, member: Member, email: str) -> None:
    check_address(email, call.faults)
    taken = audience.members.get(member_hash(email))
    if taken is not None and taken is not member:
        raise problems.invalid(
            ("email address", f"{email} is already in this list with a status.")
        )
    old = member.email
    call.account.drop(audience, member)
    member.email = email
    audience.put(member)
    call.account.touch(audience, member)
    if member_hash(old) != member.id:
        extra = {"old_email": old, "new_email": email}
        call.events.append(Event("upemail", "api", audience, member, extra))


def _copy_details(member: Member, body: Json) -> None:
    for name in ("email_type", "language", "vip", "ip_signup", "ip_opt"):
        if body.get(name) not in (None, ""):
            setattr(member, name, body[name])
    for name in ("timestamp_signup", "timestamp_opt"):
        if body.get(name):
            setattr(member, name, timestamp(name, body[name]))
    if body.get("location"):
        member.location = {**member.location, **body["location"]}


def _set_status(
    call: Call, audience: Audience, member: Member, status: str, body: Json
) -> None:
    was, member.status = member.status, status
    member.status_before = ""
    if status != "unsubscribed":
        member.left_by = member.left_reason = ""
    if status == "subscribed":
        member.timestamp_opt = timestamp("timestamp_opt", body.get("timestamp_opt", ""))
        member.timestamp_opt = member.timestamp_opt or now()
        member.ip_opt = body.get("ip_opt") or call.request.remote_addr
        call.events.append(Event("subscribe", "api", audience, member))
    elif status == "pending":
        ask(member, signup=body)
    elif status == "unsubscribed":
        member.left_by, member.left_reason = "api", ADMIN_LEFT
        if was == "subscribed":
            extra = {"action": "unsub", "reason": "manual"}
            call.events.append(Event("unsubscribe", "api", audience, member, extra))


def ask(member: Member, signup: Json) -> None:
    """Send the opt-in mail: the person is asked, and has not answered yet."""
    given = timestamp("timestamp_signup", signup.get("timestamp_signup", ""))
    member.timestamp_signup = given or now()
    member.timestamp_opt = member.ip_opt = ""
    member.opt_in_mails += 1


def set_tags(
    call: Call, audience: Audience, member: Member, names: list[Any], *, replace: bool
) -> bool:
    """Put tags on a member, or put exactly these; whether anything changed."""
    keys = [str(call.account.tag(audience, str(name).strip()).id) for name in names]
    stamp, before = now(), dict(member.tags)
    if replace:
        member.tags = {key: before.get(key, stamp) for key in keys}
    else:
        member.tags = {**dict.fromkeys(keys, stamp), **before}
    if member.tags == before:
        return False
    member.last_changed = stamp
    call.account.touch(audience, member)
    return True
