"""/lists/{list_id}/segments: static ones, which are also the tags."""

from __future__ import annotations

from integrations.sandbox.mailchimp import problems, render
from integrations.sandbox.mailchimp.paging import page
from integrations.sandbox.mailchimp.rules import Call
from integrations.sandbox.mailchimp.state import Audience, Member, Segment, now
from integrations.sandbox.mailchimp.validation import body_object, check_schema
from integrations.sandbox.messages import Json, Response

LIMIT = 500


def _segment(call: Call) -> Segment:
    try:
        return call.audience.segments[call.params["segment_id"]]
    except KeyError:
        raise problems.not_found() from None


def listing(call: Call) -> Json:
    audience, query = call.audience, call.request.query
    found = list(audience.segments.values())
    if query.get("type", "static") != "static":
        found = []
    rows, total = page(query, found)
    return {
        "segments": [render.segment(call.base, audience, item) for item in rows],
        "list_id": audience.id,
        "total_items": total,
        "_links": [render.link("self", f"{call.base}/lists/{audience.id}/segments")],
    }


def read(call: Call) -> Json:
    return render.segment(call.base, call.audience, _segment(call))


def create(call: Call) -> Json:
    """A static segment {name, static_segment: [addresses]}."""
    audience, body = call.audience, body_object(call.request)
    check_schema(body, {"name": str, "static_segment": list}, ("name",))
    name = body["name"].strip()
    if not name or "static_segment" not in body:
        field = "static_segment" if name else "name"
        raise problems.invalid((field, "Please enter a value"))
    if audience.segment_named(name) is not None:
        raise problems.bad_address("Sorry, that tag already exists.")
    segment = call.account.tag(audience, name)
    _add(call, audience, segment, body["static_segment"])
    return render.segment(call.base, audience, segment)


def change(call: Call) -> Json:
    """{members_to_add, members_to_remove}: addresses, up to 500 of each."""
    audience, segment = call.audience, _segment(call)
    body = body_object(call.request)
    check_schema(body, {"members_to_add": list, "members_to_remove": list})
    coming, going = body.get("members_to_add", []), body.get("members_to_remove", [])
    for name, rows in (("members_to_add", coming), ("members_to_remove", going)):
        if len(rows) > LIMIT:
            raise problems.invalid((name, f"No more than {LIMIT} may be sent."))
    added, unknown = _add(call, audience, segment, coming)
    removed, absent = _remove(call, audience, segment, going)
    call.account.touch(audience)
    errors = []
    if unknown:
        errors.append(
            {
                "email_addresses": unknown,
                "error": "Email addresses are not subscribed to the list",
            }
        )
    if absent:
        errors.append(
            {
                "email_addresses": absent,
                "error": "Email addresses are not in the segment",
            }
        )
    href = f"{call.base}/lists/{audience.id}/segments/{segment.id}"
    return {
        "members_added": [_short(call, audience, m) for m in added],
        "members_removed": [_short(call, audience, m) for m in removed],
        "errors": errors,
        "total_added": len(added),
        "total_removed": len(removed),
        "error_count": len(unknown) + len(absent),
        "_links": [render.link("self", href)],
    }


def delete(call: Call) -> Response:
    audience, segment = call.audience, _segment(call)
    for member in audience.members.values():
        if member.tags.pop(str(segment.id), None) is not None:
            call.account.touch(audience, member)
    del audience.segments[str(segment.id)]
    call.account.touch(audience)
    return Response(status=204)


def members(call: Call) -> Json:
    audience, segment = call.audience, _segment(call)
    key = str(segment.id)
    found = [
        m
        for m in audience.members.values()
        if key in m.tags and m.status == "subscribed"
    ]
    rows, total = page(call.request.query, found)
    return {
        "members": [_short(call, audience, m) for m in rows],
        "total_items": total,
        "_links": [],
    }


def add_member(call: Call) -> Json:
    audience, segment = call.audience, _segment(call)
    body = body_object(call.request)
    check_schema(body, {"email_address": str}, ("email_address",))
    added, unknown = _add(call, audience, segment, [body["email_address"]])
    if unknown:
        raise problems.bad_address("The email address is not subscribed to the list.")
    return _short(call, audience, added[0])


def remove_member(call: Call) -> Response:
    audience, segment, member = call.audience, _segment(call), call.member
    _, absent = _remove(call, audience, segment, [member.email])
    if absent:
        raise problems.not_found()
    return Response(status=204)


def _short(call: Call, audience: Audience, member: Member) -> Json:
    return render.member(call.base, audience, member, full=False)


def _add(
    call: Call, audience: Audience, segment: Segment, emails: list[str]
) -> tuple[list[Member], list[str]]:
    done, unknown = [], []
    for email in map(str, emails):
        member = audience.find(email)
        if member is None or member.status == "archived":
            unknown.append(email)
            continue
        member.tags.setdefault(str(segment.id), now())
        _changed(call, audience, segment, member)
        done.append(member)
    return done, unknown


def _remove(
    call: Call, audience: Audience, segment: Segment, emails: list[str]
) -> tuple[list[Member], list[str]]:
    done, absent = [], []
    for email in map(str, emails):
        member = audience.find(email)
        if member is None or member.tags.pop(str(segment.id), None) is None:
            absent.append(email)
            continue
        _changed(call, audience, segment, member)
        done.append(member)
    return done, absent


def _changed(call: Call, audience: Audience, segment: Segment, member: Member) -> None:
    member.last_changed = segment.updated_at = now()
    call.account.touch(audience, member)
