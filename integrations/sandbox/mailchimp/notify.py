"""Webhook calls, in the form-encoded shape Mailchimp sends.

https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/
Only loopback addresses are ever called: a sandbox does not talk to the world.
"""

from __future__ import annotations

import urllib.request
from datetime import UTC, datetime
from urllib.parse import urlencode

from integrations.sandbox.mailchimp.rules import Event
from integrations.sandbox.mailchimp.state import short_hash
from integrations.sandbox.posts import Post

TIMEOUT = 10.0  # seconds, as Mailchimp allows
HEADERS = {
    "User-Agent": "MailChimp",
    "Content-Type": "application/x-www-form-urlencoded",
}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Whether the address answers a GET with 2xx, as Mailchimp checks on adding it."""
    request = urllib.request.Request(
        url, headers={"User-Agent": "MailChimp.com WebHook Validator"}
    )
    try:
        with _OPENER.open(request, timeout=TIMEOUT):
            return True
    except (OSError, ValueError):
        return False


def form(event: Event) -> list[tuple[str, str]]:
    """The fields of one call."""
    audience, member = event.audience, event.member
    fired_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    pairs = [("type", event.type), ("fired_at", fired_at)]
    if event.type == "upemail":
        data = {"new_id": short_hash(f"{audience.id} {member.id}"), **event.extra}
    elif event.type == "cleaned":
        data = {"campaign_id": "", "email": member.email, **event.extra}
    else:
        data = {
            **event.extra,
            "id": short_hash(f"{audience.id} {member.id}"),
            "email": member.email,
            "email_type": member.email_type,
            "ip_opt": member.ip_opt,
            "web_id": str(member.web_id),
        }
        if event.type == "subscribe":
            data["ip_signup"] = member.ip_signup
    pairs += [(f"data[{name}]", value) for name, value in data.items()]
    if event.type not in ("upemail", "cleaned"):
        pairs.append(("data[merges][EMAIL]", member.email))
        for field in audience.fields:
            value = member.merge.get(field.tag, "")
            if isinstance(value, dict):
                pairs += [
                    (f"data[merges][{field.tag}][{part}]", str(text))
                    for part, text in value.items()
                ]
            else:
                pairs.append((f"data[merges][{field.tag}]", str(value)))
    pairs.append(("data[list_id]", audience.id))
    return pairs


def calls(events: list[Event]) -> list[Post]:
    """The webhook calls these events cause. Reads members: the account is locked."""
    return [
        Post(
            url=hook.url,
            body=urlencode(form(event)).encode(),
            type=event.type,
            email=event.member.email,
            headers=HEADERS,
        )
        for event in events
        for hook in event.audience.webhooks.values()
        if hook.events.get(event.type) and hook.sources.get(event.source)
    ]
