"""The tenant's choices as they were when a run started, and who gets nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contacts.models import Suppression
from contactsync.lib.email import email_key
from hygiene.case import BUILTIN, Lookup, canonical
from hygiene.facts import default_facts
from hygiene.models import CleaningRun
from hygiene.policies import REASONS
from hygiene.policy import DEFAULT, Listing, Policy

KEYS_AT_ONCE = 900
"""Parameters of one query; SQLite may be built for no more than 999."""


def policy_json(policy: Policy) -> dict[str, Any]:
    """What ``Policy.from_json`` reads; nothing for a policy without any choice."""
    if policy is DEFAULT or policy == DEFAULT:
        return {}
    found: dict[str, Any] = {
        "categories": {key.value: mode.value for key, mode in policy.modes.items()},
        "allow": _listing_json(policy.allow),
        "deny": _listing_json(policy.deny),
        "strict_masks": policy.strict_masks,
    }
    wide = getattr(policy, "wide_disposable", None)
    if wide is not None:
        found["wide_disposable"] = wide.value
    return found


def _listing_json(listing: Listing) -> dict[str, list[str]]:
    trees = (f"*.{domain}" for domain in listing.trees)
    return {
        "addresses": sorted(listing.addresses),
        "domains": sorted((*listing.domains, *trees)),
    }


def policy_of(run: CleaningRun) -> Policy:
    """The run's policy; DEFAULT itself for none, which is quicker to ask."""
    return Policy.from_json(run.policy) if run.policy else DEFAULT


def lists_now() -> list[str]:
    """The lists in use, as ``name@version``."""
    return [BUILTIN, *(each.source for each in default_facts().disposable)]


def suppression_lookup(
    account_id: int, addresses: Iterable[str], more: Lookup | None = None
) -> Lookup | None:
    """Who of ``addresses`` the account suppresses; ``None`` when nobody is.

    ``more`` is asked about mailboxes that the account says nothing of.
    """
    mailboxes: set[str] = set()
    for address in addresses:
        key = email_key(address)
        local, at, domain = key.rpartition("@")
        if at:
            mailboxes.add(key)
            if "+" in local or "." in local or domain == "googlemail.com":
                mailboxes.add(canonical(local, domain))
    found: dict[str, str] = {}
    wanted = list(mailboxes)
    theirs = Suppression.objects.for_account(account_id)
    for begin in range(0, len(wanted), KEYS_AT_ONCE):
        rows = theirs.filter(
            email_key__in=wanted[begin : begin + KEYS_AT_ONCE], actor__in=REASONS
        )
        found.update(
            (key, REASONS[Suppression.Actor(actor)])
            for key, actor in rows.values_list("email_key", "actor")
        )
    if more is None:
        return found.get if found else None
    asked = more
    return lambda mailbox: found.get(mailbox) or asked(mailbox)
