"""/ping, /, /lists, merge fields, search and the batch call."""

from __future__ import annotations

import re

from integrations.sandbox.mailchimp import problems, render
from integrations.sandbox.mailchimp.paging import page
from integrations.sandbox.mailchimp.rules import (
    Call,
    check_member_body,
    create,
    set_tags,
    update,
)
from integrations.sandbox.mailchimp.state import (
    Account,
    Audience,
    Member,
    MergeField,
    member_hash,
)
from integrations.sandbox.mailchimp.validation import (
    FIELD_TYPES,
    body_object,
    check_choice,
    check_schema,
)
from integrations.sandbox.messages import Json

BATCH_LIMIT = 500
_TAG = re.compile(r"[A-Z0-9_]{1,10}")


def ping(call: Call) -> Json:
    return {"health_status": "Everything's Chimpy!"}


def root(call: Call) -> Json:
    people = {
        m.email.lower()
        for audience in call.account.audiences.values()
        for m in audience.members.values()
        if m.status == "subscribed"
    }
    return render.account(call.base, len(people))


def listing(call: Call) -> Json:
    query = call.request.query
    found = list(call.account.audiences.values())
    if query.get("email"):
        found = [a for a in found if a.find(query["email"])]
    rows, total = page(query, found)
    with_total = query.get("include_total_contacts", "").lower() == "true"
    return {
        "lists": [
            render.audience(call.base, item, total_contacts=with_total) for item in rows
        ],
        "total_items": total,
        "constraints": {
            "may_create": True,
            "max_instances": 100,
            "current_total_instances": len(call.account.audiences),
        },
        "_links": [render.link("self", f"{call.base}/lists")],
    }


def read(call: Call) -> Json:
    with_total = call.request.query.get("include_total_contacts", "") == "true"
    return render.audience(call.base, call.audience, total_contacts=with_total)


def fields(call: Call) -> Json:
    audience, query = call.audience, call.request.query
    found = [
        item
        for item in audience.fields
        if query.get("type", item.type) == item.type
        and query.get("required", str(item.required)).lower()
        == str(item.required).lower()
    ]
    rows, total = page(query, found)
    href = f"{call.base}/lists/{audience.id}/merge-fields"
    return {
        "merge_fields": [render.merge_field(call.base, audience, f) for f in rows],
        "list_id": audience.id,
        "total_items": total,
        "_links": [render.link("self", href)],
    }


def field(call: Call) -> Json:
    audience = call.audience
    for item in audience.fields:
        if str(item.merge_id) == call.params["merge_id"]:
            return render.merge_field(call.base, audience, item)
    raise problems.not_found()


def add_field(call: Call) -> Json:
    audience, body = call.audience, body_object(call.request)
    check_schema(
        body,
        {"tag": str, "name": str, "type": str, "required": bool, "options": dict},
        ("name", "type"),
    )
    check_choice("type", body["type"], FIELD_TYPES)
    tag = body.get("tag", "").upper()
    if any(item.tag == tag for item in audience.fields):
        raise problems.invalid(
            ("tag", f'A Merge Field with the tag "{tag}" already exists for this list.')
        )
    item = put_field(call.account, audience, {**body, "tag": tag})
    return render.merge_field(call.base, audience, item)


def put_field(account: Account, audience: Audience, given: Json) -> MergeField:
    """Add the field, or change the one with that tag. Raises Problem."""
    last = max((item.merge_id for item in audience.fields), default=0)
    tag = given.get("tag") or f"MMERGE{last + 1}"
    if not _TAG.fullmatch(tag):
        raise problems.invalid(("tag", "Please use up to 10 letters and digits."))
    item = next((f for f in audience.fields if f.tag == tag), None)
    if item is None:
        item = MergeField(last + 1, tag, tag, display_order=last + 2)
        audience.fields.append(item)
    for name in ("name", "type", "required", "default_value", "public", "help_text"):
        if name in given:
            setattr(item, name, given[name])
    item.options = {**_default_options(item.type), **given.get("options", item.options)}
    account.touch(audience)
    return item


def _default_options(kind: str) -> Json:
    options: dict[str, Json] = {
        "text": {"size": 25},
        "phone": {"phone_format": "none"},
        "date": {"date_format": "MM/DD/YYYY"},
        "birthday": {"date_format": "MM/DD"},
        "address": {"default_country": 164},
        "dropdown": {"choices": []},
        "radio": {"choices": []},
    }
    return options.get(kind, {})


def tag_search(call: Call) -> Json:
    """Tags whose name begins with `name`."""
    wanted = call.request.query.get("name", "").casefold()
    found = [
        {"id": item.id, "name": item.name}
        for item in call.audience.segments.values()
        if item.name.casefold().startswith(wanted)
    ]
    return {"tags": found, "total_items": len(found)}


def interest_categories(call: Call) -> Json:
    """The sandbox's audiences have no groups."""
    href = f"{call.base}/lists/{call.audience.id}/interest-categories"
    return {
        "list_id": call.audience.id,
        "categories": [],
        "total_items": 0,
        "_links": [render.link("self", href)],
    }


def search_members(call: Call) -> Json:
    """Exact matches by address, all others by address or name."""
    query = call.request.query
    wanted = query.get("query", "").strip().casefold()
    if not wanted:
        raise problems.invalid(("query", "Please enter a value"))
    exact, full = [], []
    for audience in call.account.audiences.values():
        if query.get("list_id", audience.id) != audience.id:
            continue
        for member in audience.members.values():
            if member.status == "archived":
                continue
            names = f"{member.merge.get('FNAME', '')} {member.merge.get('LNAME', '')}"
            if member.email.casefold() == wanted:
                exact.append(render.member(call.base, audience, member))
            if wanted in member.email.casefold() or wanted in names.casefold():
                full.append(render.member(call.base, audience, member))
    return {
        "exact_matches": {"members": exact, "total_items": len(exact)},
        "full_search": {"members": full, "total_items": len(full)},
        "_links": [render.link("self", f"{call.base}/search-members")],
    }


def batch(call: Call) -> Json:
    """POST /lists/{list_id}: up to 500 members; 200 even where some are refused."""
    audience, body = call.audience, body_object(call.request)
    check_schema(
        body,
        {"members": list, "update_existing": bool, "sync_tags": bool},
        ("members",),
    )
    if len(body["members"]) > BATCH_LIMIT:
        raise problems.invalid(
            ("members", f"No more than {BATCH_LIMIT} members may be sent at once.")
        )
    for index, row in enumerate(body["members"]):
        if not isinstance(row, dict):
            raise problems.invalid((f"members.item:{index}", "Schema describes object"))
    created: list[Member] = []
    updated: list[Member] = []
    errors: list[Json] = []
    seen: set[str] = set()
    once = call.request.query.get("skip_duplicate_check", "").lower() == "true"
    for row in body["members"]:
        email = str(row.get("email_address", "")).strip()
        try:
            if member_hash(email) in seen:
                if once:
                    continue
                raise problems.bad_address(f"{email} appears more than once.")
            seen.add(member_hash(email))
            member, new = _batch_one(call, audience, row, body)
        except problems.Problem as problem:
            errors.append(_batch_error(email, problem))
        else:
            (created if new else updated).append(member)
    return {
        "new_members": [_short(call, audience, m) for m in created],
        "updated_members": [_short(call, audience, m) for m in updated],
        "errors": errors,
        "total_created": len(created),
        "total_updated": len(updated),
        "error_count": len(errors),
        "_links": [render.link("self", f"{call.base}/lists/{audience.id}")],
    }


def _short(call: Call, audience: Audience, member: Member) -> Json:
    return render.member(call.base, audience, member, full=False)


def _batch_one(
    call: Call, audience: Audience, row: Json, body: Json
) -> tuple[Member, bool]:
    check_member_body(row, ("email_address",))
    known = audience.members.get(member_hash(row["email_address"].strip()))
    new = known is None or known.status == "archived"
    if known is not None and not new:
        if not body.get("update_existing"):
            raise problems.Problem(
                400,
                "Member Exists",
                f"{row['email_address']} is already a list member, do you want to"
                " update? please provide update_existing:true in the request body",
            )
        member = known
        update(call, audience, member, row, demand=call.demand)
    else:
        if not row.get("status"):
            raise problems.invalid(("", "Required fields were not provided: status"))
        member = create(call, audience, row, row["status"])
    if row.get("tags") or body.get("sync_tags"):
        replace = bool(body.get("sync_tags"))
        set_tags(call, audience, member, row.get("tags", []), replace=replace)
    return member, new


def _batch_error(email: str, problem: problems.Problem) -> Json:
    exists = problem.title == "Member Exists"
    first = (problem.errors or [{}])[0]
    return {
        "email_address": email,
        "error": problem.detail,
        "error_code": "ERROR_CONTACT_EXISTS" if exists else "ERROR_GENERIC",
        "field": first.get("field", ""),
        "field_message": first.get("message", ""),
    }
