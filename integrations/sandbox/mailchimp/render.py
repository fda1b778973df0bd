"""Mailchimp's resources as JSON."""

from __future__ import annotations

from typing import Any

from integrations.sandbox.mailchimp.state import (
    Audience,
    Member,
    MergeField,
    Segment,
    Webhook,
    contact_id,
    now,
    short_hash,
)
from integrations.sandbox.messages import Json

ACCOUNT_ID = "8d3a3db4d97663a9074efcc16"
_NO_PLACE = {
    "latitude": 0,
    "longitude": 0,
    "gmtoff": 0,
    "dstoff": 0,
    "country_code": "",
    "timezone": "",
    "region": "",
}


def link(rel: str, href: str, method: str = "GET") -> Json:
    return {"rel": rel, "href": href, "method": method}


def member(base: str, audience: Audience, item: Member, *, full: bool = True) -> Json:
    """A list member; not `full` is the shorter form of batch answers."""
    href = f"{base}/lists/{audience.id}/members/{item.id}"
    values = {field.tag: item.merge.get(field.tag, "") for field in audience.fields}
    named = audience.segments
    document: Json = {
        "id": item.id,
        "email_address": item.email,
        "unique_email_id": short_hash(f"{audience.id} {item.id}"),
        "contact_id": contact_id(audience, item),
        "full_name": f"{values.get('FNAME', '')} {values.get('LNAME', '')}".strip(),
        "web_id": item.web_id,
        "email_type": item.email_type,
        "status": item.status,
        "consents_to_one_to_one_messaging": True,
        "merge_fields": values,
        "interests": {},
        "stats": {"avg_open_rate": 0, "avg_click_rate": 0},
        "ip_signup": item.ip_signup,
        "timestamp_signup": item.timestamp_signup,
        "ip_opt": item.ip_opt,
        "timestamp_opt": item.timestamp_opt,
        "member_rating": 2,
        "last_changed": item.last_changed,
        "language": item.language,
        "vip": item.vip,
        "email_client": "",
        "location": {**_NO_PLACE, **item.location},
        "source": item.source,
        "tags_count": len(item.tags),
        "tags": [
            {"id": named[key].id, "name": named[key].name}
            for key in item.tags
            if key in named
        ],
        "list_id": audience.id,
        "_links": [
            link("self", href),
            link("parent", f"{base}/lists/{audience.id}/members"),
            link("update", href, "PATCH"),
            link("upsert", href, "PUT"),
            link("delete", href, "DELETE"),
            link("delete_permanent", f"{href}/actions/delete-permanent", "POST"),
        ],
    }
    if item.status == "unsubscribed":
        document["unsubscribe_reason"] = item.left_reason
    if not full:
        for name in ("consents_to_one_to_one_messaging", "source"):
            del document[name]
        del document["_links"][1:]
    return document


def audience(base: str, item: Audience, *, total_contacts: bool = False) -> Json:
    """A list with its counts."""
    counts: dict[str, int] = {}
    last = {"subscribed": "", "unsubscribed": ""}
    for person in item.members.values():
        counts[person.status] = counts.get(person.status, 0) + 1
        if person.status in last:
            last[person.status] = max(last[person.status], person.last_changed)
    href = f"{base}/lists/{item.id}"
    stats = {
        "member_count": counts.get("subscribed", 0),
        "unsubscribe_count": counts.get("unsubscribed", 0),
        "cleaned_count": counts.get("cleaned", 0),
        "member_count_since_send": counts.get("subscribed", 0),
        "unsubscribe_count_since_send": counts.get("unsubscribed", 0),
        "cleaned_count_since_send": counts.get("cleaned", 0),
        "campaign_count": 0,
        "campaign_last_sent": "",
        "merge_field_count": len(item.fields),
        "avg_sub_rate": 0,
        "avg_unsub_rate": 0,
        "target_sub_rate": 0,
        "open_rate": 0,
        "click_rate": 0,
        "last_sub_date": last["subscribed"],
        "last_unsub_date": last["unsubscribed"],
    }
    if total_contacts:
        stats["total_contacts"] = len(item.members) - counts.get("cleaned", 0)
    return {
        "id": item.id,
        "web_id": item.web_id,
        "name": item.name,
        "contact": {
            "company": "Provider sandbox",
            "address1": "1 Loopback Way",
            "address2": "",
            "city": "Localhost",
            "state": "",
            "zip": "00000",
            "country": "US",
            "phone": "",
        },
        "permission_reminder": "You signed up on our website.",
        "use_archive_bar": False,
        "campaign_defaults": {
            "from_name": "Provider sandbox",
            "from_email": "news@sandbox.example",
            "subject": "",
            "language": "en",
        },
        "notify_on_subscribe": "",
        "notify_on_unsubscribe": "",
        "date_created": item.date_created,
        "list_rating": 0,
        "email_type_option": False,
        "subscribe_url_short": f"https://sandbox.example/{item.id}",
        "subscribe_url_long": f"https://sandbox.example/subscribe?id={item.id}",
        "beamer_address": f"{item.id}@inbound.sandbox.example",
        "visibility": "prv",
        "double_optin": item.double_optin,
        "has_welcome": False,
        "marketing_permissions": False,
        "modules": [],
        "stats": stats,
        "_links": [
            link("self", href),
            link("parent", f"{base}/lists"),
            link("members", f"{href}/members"),
            link("merge-fields", f"{href}/merge-fields"),
            link("segments", f"{href}/segments"),
            link("webhooks", f"{href}/webhooks"),
        ],
    }


def merge_field(base: str, owner: Audience, item: MergeField) -> Json:
    parent = f"{base}/lists/{owner.id}/merge-fields"
    return {
        **item.document(),
        "list_id": owner.id,
        "_links": [link("self", f"{parent}/{item.merge_id}"), link("parent", parent)],
    }


def segment(base: str, owner: Audience, item: Segment) -> Json:
    key = str(item.id)
    count = sum(
        key in person.tags and person.status == "subscribed"
        for person in owner.members.values()
    )
    parent = f"{base}/lists/{owner.id}/segments"
    return {
        "id": item.id,
        "name": item.name,
        "member_count": count,
        "type": "static",
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "options": {"match": "any", "conditions": []},
        "list_id": owner.id,
        "_links": [link("self", f"{parent}/{item.id}"), link("parent", parent)],
    }


def webhook(base: str, owner: Audience, item: Webhook) -> Json:
    parent = f"{base}/lists/{owner.id}/webhooks"
    return {
        **item.document(),
        "list_id": owner.id,
        "_links": [link("self", f"{parent}/{item.id}"), link("parent", parent)],
    }


def account(base: str, subscribers: int) -> Json:
    """Who the key belongs to."""
    return {
        "account_id": ACCOUNT_ID,
        "login_id": "1001",
        "account_name": "Provider sandbox",
        "email": "owner@sandbox.example",
        "first_name": "Sandy",
        "last_name": "Box",
        "username": "sandbox",
        "avatar_url": "",
        "role": "owner",
        "member_since": "2024-01-08T09:00:00+00:00",
        "pricing_plan_type": "monthly",
        "first_payment": "",
        "account_timezone": "UTC",
        "account_industry": "",
        "contact": {
            "company": "Provider sandbox",
            "addr1": "1 Loopback Way",
            "addr2": "",
            "city": "Localhost",
            "state": "",
            "zip": "00000",
            "country": "US",
        },
        "pro_enabled": False,
        "last_login": now(),
        "total_subscribers": subscribers,
        "industry_stats": {"open_rate": 0, "bounce_rate": 0, "click_rate": 0},
        "_links": [
            link("self", f"{base}/"),
            link("lists", f"{base}/lists"),
            link("search-members", f"{base}/search-members"),
        ],
    }


def select(document: Any, include: str, exclude: str) -> Any:
    """Apply the `fields` and `exclude_fields` parameters (dotted, comma separated)."""
    if include:
        document = _keep(document, _tree(include))
    if exclude:
        document = _leave_out(document, _tree(exclude))
    return document


def _tree(text: str) -> Json:
    tree: Json = {}
    for path in text.split(","):
        node = tree
        for part in path.strip().split("."):
            node = node.setdefault(part, {})
    return tree


def _keep(document: Any, tree: Json) -> Any:
    if isinstance(document, list):
        return [_keep(item, tree) for item in document]
    if not tree or not isinstance(document, dict):
        return document
    return {k: _keep(v, tree[k]) for k, v in document.items() if k in tree}


def _leave_out(document: Any, tree: Json) -> Any:
    if isinstance(document, list):
        return [_leave_out(item, tree) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        k: _leave_out(v, tree[k]) if k in tree else v
        for k, v in document.items()
        if k not in tree or tree[k]
    }
