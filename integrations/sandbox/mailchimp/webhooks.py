"""/lists/{list_id}/webhooks"""

from __future__ import annotations

import uuid

from integrations.sandbox.mailchimp import notify, problems, render
from integrations.sandbox.mailchimp.rules import Call
from integrations.sandbox.mailchimp.state import Webhook
from integrations.sandbox.mailchimp.validation import body_object, check_schema
from integrations.sandbox.messages import Json, Request, Response
from integrations.sandbox.posts import is_loopback

EVENTS = ("subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign")
SOURCES = ("user", "admin", "api")


def listing(call: Call) -> Json:
    audience = call.audience
    found = [render.webhook(call.base, audience, w) for w in audience.webhooks.values()]
    return {
        "webhooks": found,
        "list_id": audience.id,
        "total_items": len(found),
        "_links": [render.link("self", f"{call.base}/lists/{audience.id}/webhooks")],
    }


def _webhook(call: Call) -> Webhook:
    try:
        return call.audience.webhooks[call.params["webhook_id"]]
    except KeyError:
        raise problems.not_found() from None


def read(call: Call) -> Json:
    return render.webhook(call.base, call.audience, _webhook(call))


def check_reachable(request: Request) -> None:
    """Raise Problem when a loopback URL does not answer.

    Runs before the account is locked: the address may lead to a product that is
    talking to this very sandbox.
    """
    body = body_object(request)
    url = body.get("url")
    if isinstance(url, str) and is_loopback(url) and not notify.answers(url):
        raise problems.invalid(
            ("url", "We couldn't validate the URL: it must answer with 200 OK.")
        )


def add(call: Call) -> Json:
    """{url, events, sources}; what is not named is off."""
    audience, body = call.audience, body_object(call.request)
    check_schema(body, {"url": str, "events": dict, "sources": dict}, ("url",))
    url = body["url"].strip()
    if not url.startswith(("http://", "https://")):
        raise problems.invalid(("url", "Please enter a valid URL"))
    if any(hook.url == url for hook in audience.webhooks.values()):
        raise problems.invalid(
            ("url", "Sorry, you can't set up multiple WebHooks for one URL")
        )
    hook = Webhook(uuid.uuid4().hex[:10], url, {}, {})
    _switch(hook, body)
    audience.webhooks[hook.id] = hook
    call.account.touch(audience)
    return render.webhook(call.base, audience, hook)


def change(call: Call) -> Json:
    hook, body = _webhook(call), body_object(call.request)
    check_schema(body, {"url": str, "events": dict, "sources": dict})
    hook.url = body.get("url", hook.url)
    _switch(hook, body)
    call.account.touch(call.audience)
    return render.webhook(call.base, call.audience, hook)


def delete(call: Call) -> Response:
    hook = _webhook(call)
    del call.audience.webhooks[hook.id]
    call.account.touch(call.audience)
    return Response(status=204)


def _switch(hook: Webhook, body: Json) -> None:
    events, sources = body.get("events", {}), body.get("sources", {})
    check_schema(events, dict.fromkeys(EVENTS, bool), prefix="events")
    check_schema(sources, dict.fromkeys(SOURCES, bool), prefix="sources")
    hook.events = {n: events.get(n, hook.events.get(n, False)) for n in EVENTS}
    hook.sources = {n: sources.get(n, hook.sources.get(n, False)) for n in SOURCES}
