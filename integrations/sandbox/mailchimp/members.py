"""/lists/{list_id}/members"""

from __future__ import annotations

from integrations.sandbox.mailchimp import problems, render
from integrations.sandbox.mailchimp.paging import page
from integrations.sandbox.mailchimp.rules import (
    Call,
    Event,
    check_member_body,
    create,
    set_tags,
    update,
)
from integrations.sandbox.mailchimp.state import Audience, Member, member_hash, now
from integrations.sandbox.mailchimp.validation import (
    body_object,
    check_choice,
    check_schema,
    timestamp,
)
from integrations.sandbox.messages import Json, Response

_STATUSES = (
    "subscribed",
    "unsubscribed",
    "cleaned",
    "pending",
    "transactional",
    "archived",
)
_SORTS = ("timestamp_opt", "timestamp_signup", "last_changed")


def read(call: Call) -> Json:
    return render.member(call.base, call.audience, call.member)


def listing(call: Call) -> Json:
    """Members, archived ones only when asked for by status."""
    audience, query = call.audience, call.request.query
    found = [m for m in audience.members.values() if _wanted(m, query)]
    sort = query.get("sort_field", "")
    if sort:
        check_choice("sort_field", sort, _SORTS)
        descending = query.get("sort_dir", "ASC").upper() == "DESC"
        found.sort(key=lambda m: (getattr(m, sort), m.web_id), reverse=descending)
    else:
        found.sort(key=lambda m: m.web_id)
    rows, total = page(query, found)
    return {
        "members": [render.member(call.base, audience, m) for m in rows],
        "list_id": audience.id,
        "total_items": total,
        "_links": [render.link("self", f"{call.base}/lists/{audience.id}/members")],
    }


def _wanted(member: Member, query: dict[str, str]) -> bool:
    status = query.get("status", "")
    if status:
        check_choice("status", status, _STATUSES)
    if status != member.status and (status or member.status == "archived"):
        return False
    for name, moment in (
        ("last_changed", member.last_changed),
        ("timestamp_opt", member.timestamp_opt),
    ):
        since = timestamp(f"since_{name}", query.get(f"since_{name}", ""))
        before = timestamp(f"before_{name}", query.get(f"before_{name}", ""))
        if (since and moment <= since) or (before and not "" < moment < before):
            return False
    return query.get("vip_only", "").lower() != "true" or member.vip


def add(call: Call) -> Json:
    """POST: a new member; one who is there already is refused."""
    audience, body = call.audience, body_object(call.request)
    check_member_body(body, ("email_address", "status"))
    email = body["email_address"].strip()
    known = audience.members.get(member_hash(email))
    if known is not None and known.status != "archived":
        if known.locked and body["status"] == "subscribed":
            raise problems.compliance(email)
        raise problems.member_exists(email)
    member = create(call, audience, body, body["status"])
    if body.get("tags"):
        set_tags(call, audience, member, body["tags"], replace=False)
    return render.member(call.base, audience, member)


def put(call: Call) -> Json:
    """PUT: add or update. `status` counts for both, `status_if_new` for new ones."""
    audience, body = call.audience, body_object(call.request)
    check_member_body(body, ("email_address",))
    known = audience.find(call.params["slot"])
    if known is not None and known.status != "archived":
        update(call, audience, known, body, demand=call.demand)
        return render.member(call.base, audience, known)
    status = body.get("status_if_new") or body.get("status")
    if not status:
        raise problems.invalid(("", "Required fields were not provided: status_if_new"))
    member = create(call, audience, body, status)
    return render.member(call.base, audience, member)


def patch(call: Call) -> Json:
    audience, member = call.audience, call.member
    body = body_object(call.request)
    check_member_body(body)
    demand = call.demand and "merge_fields" in body
    update(call, audience, member, body, demand=demand)
    return render.member(call.base, audience, member)


def archive(call: Call) -> Response:
    """DELETE: off the list, history kept; can be added again."""
    audience, member = call.audience, call.member
    if member.status == "archived":
        raise problems.Problem(
            405,
            "Method Not Allowed",
            "This list member cannot be removed. Please contact support.",
        )
    extra = {"action": "delete", "reason": "manual"}
    call.events.append(Event("unsubscribe", "api", audience, member, extra))
    put_away(audience, member)
    call.account.touch(audience, member)
    return Response(status=204)


def put_away(audience: Audience, member: Member) -> None:
    """Archive: the status before is what decides about a return."""
    member.status_before, member.status = member.status, "archived"
    member.last_changed = now()


def erase(call: Call) -> Response:
    """Delete for good: nothing is kept but the ban on importing it again."""
    audience, member = call.audience, call.member
    extra = {"action": "delete", "reason": "manual"}
    call.events.append(Event("unsubscribe", "api", audience, member, extra))
    audience.forgotten.add(member.id)
    call.account.drop(audience, member)
    call.account.touch(audience)
    return Response(status=204)


def tags(call: Call) -> Json:
    audience, member = call.audience, call.member
    listed = [
        {
            "id": audience.segments[key].id,
            "name": audience.segments[key].name,
            "date_added": added,
        }
        for key, added in member.tags.items()
    ]
    rows, total = page(call.request.query, listed)
    href = f"{call.base}/lists/{audience.id}/members/{member.id}"
    return {
        "tags": rows,
        "total_items": total,
        "_links": [render.link("self", f"{href}/tags"), render.link("parent", href)],
    }


def change_tags(call: Call) -> Response:
    """{tags: [{name, status: active|inactive}], is_syncing}"""
    audience, member = call.audience, call.member
    body = body_object(call.request)
    check_schema(body, {"tags": list, "is_syncing": bool}, ("tags",))
    for index, tag in enumerate(body["tags"]):
        where = f"tags.item:{index}"
        if not isinstance(tag, dict):
            raise problems.invalid((where, "Schema describes object"))
        check_schema(tag, {"name": str, "status": str}, ("name", "status"), where)
        check_choice(f"{where}.status", tag["status"], ("inactive", "active"))
        if not tag["name"].strip():
            raise problems.invalid((f"{where}.name", "Please enter a value"))
    active = [tag["name"] for tag in body["tags"] if tag["status"] == "active"]
    set_tags(call, audience, member, active, replace=False)
    for tag in body["tags"]:
        segment = audience.segment_named(tag["name"].strip())
        if tag["status"] == "inactive" and segment is not None:
            gone = member.tags.pop(str(segment.id), None)
            if gone is not None:
                member.last_changed = now()
                call.account.touch(audience, member)
    return Response(status=204)
