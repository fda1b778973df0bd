"""Webhooks that providers call: their addresses, and registering them.

An address holds a token that only this installation can make, so nothing is stored for
it, and whoever lacks it is a stranger. What a provider signs with is sealed among the
credentials. `LinkedAccount.hooks` says what is registered:

    {"audiences": {audience id, or "" for all: {"id", "url", "at"}
                                            or {"error", "reason", "tries", "again"}},
     "claim": until when a worker registers (ISO), "heard_at", "heard", "unknown",
     "polled_at", "poll_due", "poll_error", "farewell": see `hooks_farewell`}
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes

from contactsync.lib.clock import now
from contactsync.lib.crypto import SealError
from integrations import oauth
from integrations.access import hurried
from integrations.adapters import ADAPTERS
from integrations.adapters.base import Adapter, Change, Incoming
from integrations.adapters.errors import AdapterError
from integrations.models import LinkedAccount, Target
from integrations.oauth_tokens import answered, keep_secrets, ready_adapter

SECRET = "webhook_secret"
ALL = ""  # the place of a webhook that tells of all audiences
CLAIM = timedelta(minutes=3)
AGAIN = timedelta(minutes=10)
AGAIN_MOST = timedelta(days=1)
NOTE_EVERY = timedelta(seconds=10)


def token_of(linked: LinkedAccount, key: str | bytes = "") -> str:
    """The part of the address that nobody else can make; ``key``: another than
    SECRET_KEY, which may have been replaced since."""
    said = f"webhook:{linked.account_id}:{linked.pk}".encode()
    made = hmac.new(force_bytes(key or settings.SECRET_KEY), said, hashlib.sha256)
    return base64.urlsafe_b64encode(made.digest()).decode().rstrip("=")


def hook_url(linked: LinkedAccount, key: str | bytes = "") -> str:
    """The address to give to the provider; ``key`` as in `token_of`."""
    path = reverse("hook", args=[linked.provider, linked.pk, token_of(linked, key)])
    return f"{settings.BASE_URL}{path}"


def addressed(provider: str, pk: UUID, token: str) -> LinkedAccount | None:
    """The linked account that an address is for; None for any that we did not make."""
    linked = (
        LinkedAccount.objects.select_related("account")
        .filter(pk=pk, provider=provider, removed_at=None)
        .first()
    )
    if linked is None or "webhook" not in ADAPTERS[provider].supports:
        return None
    given = token.encode()
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    fits = [hmac.compare_digest(token_of(linked, key).encode(), given) for key in keys]
    return linked if any(fits) else None


def understood(linked: LinkedAccount, incoming: Incoming) -> list[Change]:
    """What a provider's message says. It came to an address with our token.

    Some adapters read the people it is about, so no transaction may be open. Raises
    AdapterError, with ``status`` None where the message itself is at fault, and
    SealError.
    """

    def ask(adapter: Adapter) -> list[Change]:
        secret = adapter.secrets.setdefault(SECRET, fallback_secret(linked))
        # The token says the same as the secret that unsigned messages carry.
        incoming_here = Incoming(
            method=incoming.method,
            url=incoming.url,
            headers=incoming.headers,
            query={**incoming.query, "secret": secret},
            body=incoming.body,
        )
        return adapter.webhook(incoming_here)

    # Not made ready first: most messages are understood without asking the provider,
    # also of an account that has to be reconnected.
    return answered(linked, hurried(linked.adapter()), ask)


def fallback_secret(linked: LinkedAccount) -> str:
    """What messages prove themselves by where no secret was registered: providers
    whose webhooks belong to an app sign with the app's secret."""
    app = oauth.app_of(linked.provider)
    if app is not None and "add_webhook" not in linked.adapter_class.supports:
        return app.client_secret
    return token_of(linked)


# --- registering ------------------------------------------------------------------


def is_reachable(linked: LinkedAccount) -> bool:
    """Whether the provider can call this installation at all."""
    url = urlsplit(settings.BASE_URL)
    return linked.is_sandbox or (
        url.scheme == "https" and url.hostname not in ("localhost", "127.0.0.1")
    )


def audiences_used(linked_ids: Iterable[UUID]) -> dict[UUID, list[str]]:
    """The audiences that live rules send to, by linked account."""
    live = Target.objects.filter(
        linked_account__in=list(linked_ids),
        rule__isnull=False,
        rule__removed_at=None,
        held_reason="",
    )
    found: dict[UUID, list[str]] = {}
    for linked_id, audience_id in (
        live.order_by("audience_id").values_list("linked_account", "audience_id")
    ).distinct():
        found.setdefault(linked_id, []).append(audience_id)
    return found


def missing(linked: LinkedAccount, audiences: list[str]) -> list[str]:
    """For which audiences a webhook is to be registered now; `ALL` for all at once."""
    if not audiences or not is_reachable(linked):
        return []
    per_audience = linked.adapter_class.hook_scope == "audience"
    known = linked.hooks.get("audiences", {})
    return [
        place
        for place in (audiences if per_audience else [ALL])
        if is_due(linked, known.get(place))
    ]


def is_due(linked: LinkedAccount, entry: dict[str, Any] | None) -> bool:
    """Whether a webhook is to be added, or added again."""
    if entry is None:
        return True
    if "error" in entry:
        return datetime.fromisoformat(entry["again"]) <= now()
    if entry["url"] != digest_of(hook_url(linked)):
        return True  # SECRET_KEY or BASE_URL is another one now
    lifetime = linked.adapter_class.hook_lifetime
    if lifetime is None:
        return False
    return datetime.fromisoformat(entry["at"]) + timedelta(seconds=lifetime / 2) < now()


def is_ours(linked: LinkedAccount, entry: dict[str, Any]) -> bool:
    """Whether an entry is of a webhook that calls this very installation, and not the
    one that its data base was copied from."""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    ours = {digest_of(hook_url(linked, key)) for key in keys}
    return bool(entry.get("id")) and entry.get("url") in ours


def digest_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def due_linked_accounts() -> list[UUID]:
    """Linked accounts with a webhook to register."""
    able = [s for s, adapter in ADAPTERS.items() if "add_webhook" in adapter.supports]
    connected = {
        linked.pk: linked
        for linked in LinkedAccount.objects.filter(
            provider__in=able,
            removed_at=None,
            status=LinkedAccount.Status.CONNECTED,
        ).only("pk", "account_id", "provider", "hooks")
    }
    used = audiences_used(connected)
    return [pk for pk, linked in connected.items() if missing(linked, used.get(pk, []))]


def register(linked_account_id: UUID) -> int:
    """Have the provider call us for what is missing. Returns how many it took.

    What fails is tried again later, ever less often; deliveries do not depend on it.
    """
    linked, places = take(linked_account_id)
    if linked is None:
        return 0
    done = 0
    try:
        for place, audience_id in places:
            entry, kept = ask_for_hook(linked, place, audience_id)
            with suppress(SealError):  # unlinked meanwhile: the farewell needs the id
                if kept:
                    keep_secrets(linked, kept)
            with hooks_of(linked.pk) as known:
                known.setdefault("audiences", {})[place] = entry
            done += "error" not in entry
    finally:
        with hooks_of(linked.pk) as known:
            known.pop("claim", None)
    return done


def take(
    linked_account_id: UUID,
) -> tuple[LinkedAccount | None, list[tuple[str, str]]]:
    """The account and (place, audience) to register, for one worker at a time."""
    with transaction.atomic():
        linked = (
            LinkedAccount.objects.select_for_update()
            .filter(pk=linked_account_id, removed_at=None)
            .first()
        )
        if linked is None or linked.status != LinkedAccount.Status.CONNECTED:
            return None, []
        claim = linked.hooks.get("claim")
        if claim and datetime.fromisoformat(claim) > now():
            return None, []
        audiences = audiences_used([linked.pk]).get(linked.pk, [])
        places = missing(linked, audiences)
        if not places or "add_webhook" not in linked.adapter_class.supports:
            return None, []
        try:
            held = linked.get_credentials()
        except SealError:
            return None, []
        if SECRET not in held:
            linked.set_credentials({**held, SECRET: secrets.token_urlsafe(32)})
        linked.hooks = {**linked.hooks, "claim": (now() + CLAIM).isoformat()}
        linked.save(update_fields=["sealed", "hooks"])
    return linked, [(place, place or audiences[0]) for place in places]


def ask_for_hook(
    linked: LinkedAccount, place: str, audience_id: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """What `LinkedAccount.hooks` says of one webhook, and what is to be sealed."""
    url = hook_url(linked)
    try:
        made = answered(
            linked,
            ready_adapter(linked),
            lambda adapter: adapter.add_webhook(url, audience_id),
        )
    except (AdapterError, SealError) as error:
        before = linked.hooks.get("audiences", {}).get(place, {})
        tries = before.get("tries", 0) + 1
        wait = min(AGAIN * 2 ** min(tries - 1, 10), AGAIN_MOST)
        return {
            **{name: before[name] for name in ("id", "url") if name in before},
            "error": str(error),
            "reason": error.reason.value if isinstance(error, AdapterError) else "",
            "tries": tries,
            "again": (now() + wait).isoformat(),
        }, {}
    entry = {"id": made.pop("webhook_id", ""), "url": digest_of(url)}
    return {**entry, "at": now().isoformat()}, made


# --- what is known of them ----------------------------------------------------------


@contextmanager
def hooks_of(linked_account_id: UUID) -> Iterator[dict[str, Any]]:
    """`LinkedAccount.hooks`, to be changed by one at a time."""
    with transaction.atomic():
        linked = (
            LinkedAccount.objects.select_for_update()
            .only("pk", "hooks")
            .get(pk=linked_account_id)
        )
        yield linked.hooks
        linked.save(update_fields=["hooks"])


def note_heard(linked: LinkedAccount, *, heard: int, unknown: int) -> None:
    """Keep when the provider called last; not for every call of a flood."""
    last = linked.hooks.get("heard_at")
    if last and datetime.fromisoformat(last) > now() - NOTE_EVERY:
        return
    with hooks_of(linked.pk) as known:
        known["heard_at"] = now().isoformat()
        known["heard"] = known.get("heard", 0) + heard
        known["unknown"] = known.get("unknown", 0) + unknown
