"""Webhook calls, in the form-encoded shape Mailchimp sends.

https://mailchimp.com/developer/marketing/guides/sync-audience-data-webhooks/
Only loopback addresses are ever called: a sandbox does not talk to the world.
"""

from __future__ import annotations

import ipaddress
import queue
import threading
import urllib.error
import urllib.request
from collections import deque
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit

from integrations.sandbox.mailchimp.rules import Event
from integrations.sandbox.mailchimp.state import short_hash
from integrations.sandbox.messages import Json

TIMEOUT = 10.0  # seconds, as Mailchimp allows
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def is_loopback(url: str) -> bool:
    """Whether the address may be called from a sandbox."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


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


class Notifier:
    """Calls webhooks from one thread of its own, in order, each once."""

    def __init__(self) -> None:
        self.delivered: deque[Json] = deque(maxlen=200)
        self._jobs: queue.SimpleQueue[tuple[str, Event, bytes]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def prepare(self, events: list[Event]) -> list[tuple[str, Event, bytes]]:
        """The calls these events cause. Reads members: call it with the lock held."""
        jobs = []
        for event in events:
            for hook in event.audience.webhooks.values():
                wanted = hook.events.get(event.type) and hook.sources.get(event.source)
                if wanted and is_loopback(hook.url):
                    jobs.append((hook.url, event, urlencode(form(event)).encode()))
        return jobs

    def submit(self, jobs: list[tuple[str, Event, bytes]]) -> None:
        """Make the calls, soon."""
        for job in jobs:
            self._jobs.put(job)
        with self._lock:
            if jobs and self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="sandbox-webhooks", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while True:
            url, event, body = self._jobs.get()
            status, error = _post(url, body)
            self.delivered.append(
                {
                    "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                    "url": url,
                    "type": event.type,
                    "email": event.member.email,
                    "status": status,
                    "error": error,
                }
            )


def _post(url: str, body: bytes) -> tuple[int | None, str]:
    request = urllib.request.Request(
        url,
        data=body,
        headers={
            "User-Agent": "MailChimp",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    try:
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            return answer.status, ""
    except urllib.error.HTTPError as error:
        return error.code, ""
    except (OSError, ValueError) as error:
        return None, str(error)
