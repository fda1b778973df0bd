"""A secret that the next page shows, and no other: between a POST and its redirect.

It waits in the person's session, sealed, so that neither a URL nor the data base has
it in plain text. Reading it takes it away; a reload makes nothing and shows nothing.
"""

from __future__ import annotations

from uuid import UUID

from contactsync.lib import crypto
from contactsync.lib.clock import now
from contactsync.tenancy.access import TenantRequest

SECONDS = 300
"""A page that was never opened shows nothing later than this."""


def _bound_to(request: TenantRequest, name: str, pk: UUID) -> str:
    return f"once:{name}:{request.account.pk}:{request.user.pk}:{pk}"


def keep(request: TenantRequest, *, name: str, pk: UUID, text: str) -> None:
    """Let the next page called ``name`` show ``text``, which is about row ``pk``."""
    request.session[f"once_{name}"] = {
        "pk": str(pk),
        "at": now().timestamp(),
        "sealed": crypto.seal(text, bound_to=_bound_to(request, name, pk)),
    }


def take(request: TenantRequest, *, name: str) -> tuple[UUID, str] | None:
    """What ``keep`` left for this page: the row's id and the text; once."""
    if request.method != "GET":
        return None
    kept = request.session.pop(f"once_{name}", None)
    if kept is None or now().timestamp() - kept["at"] > SECONDS:
        return None
    pk = UUID(kept["pk"])
    try:
        bound_to = _bound_to(request, name, pk)
        return pk, crypto.unseal(kept["sealed"], bound_to=bound_to)
    except crypto.SealError:
        return None
