"""HubSpot, CRM API v3 and communication preferences v4 (developers.hubspot.com/docs,
read 2026-11-22).

Unlinking revokes the refresh token (page "Revoke an OAuth token"; oauth/v3 in HubSpot's
own description); that ends the access token too is not said there: it lives for half
an hour at most. The app stays installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from integrations.adapters.answer import wait_of
from integrations.adapters.base import (
    Audience,
    Field,
    Outcome,
    OutcomeState,
    Reading,
    Receipt,
    Resource,
    Subscription,
    filled,
)
from integrations.adapters.declare import Credential, OAuth2, Rate
from integrations.adapters.each import (
    again,
    key_of,
    probed,
    rejected,
    spellings,
    synced,
)
from integrations.adapters.errors import (
    AdapterError,
    CredentialsError,
    Reason,
    RejectedError,
    ScopeError,
    TransientError,
)
from integrations.adapters.http import Answer
from integrations.adapters.hubspot.changes import HubSpotChanges, search
from integrations.adapters.hubspot.wire import (
    CONTACT_TYPE,
    CONTACTS,
    EVERYBODY,
    LISTS,
    PREFERENCES,
    Target,
    field_of,
    reason_of,
    standing,
    words_of,
)
from integrations.adapters.hubspot.writing import READ, status_path
from integrations.adapters.paging import all_pages
from integrations.adapters.shapes import rows_in

PAGE = 250  # lists a search gives
DAY = 3600.0  # seconds to wait when the day's calls are used up: the most we may
# 423 Locked and 477 Migration in Progress: wait (error-handling page, read 2026-11-22).
WAIT = (423, 477)
ABSENT = "HubSpot does not know this address."


class HubSpot(HubSpotChanges):
    """Audiences are all contacts, the static lists (which HubSpot now calls segments),
    and the e-mail subscription types."""

    slug = "hubspot"
    label = "HubSpot"
    kind = "crm"
    credentials = (
        Credential(
            name="token",
            label="Service key or private app token",
            help_text="HubSpot: Development, Keys, Service keys. The token of a "
            "private app you already have works too.",
            placeholder="pat-eu1-00000000-0000-0000-0000-000000000000",
        ),
        Credential(
            name="webhook_secret",
            label="Client secret of the app",
            help_text="Only for an app that posts webhooks to us: HubSpot signs them "
            "with it. A service key has none.",
            required=False,
        ),
    )
    oauth = OAuth2(
        authorize_url="https://app.hubspot.com/oauth/authorize",
        token_url="https://api.hubapi.com/oauth/v3/token",
        revoke_url="https://api.hubapi.com/oauth/v3/token/revoke",
        scopes=(
            "oauth",
            "crm.objects.contacts.read",
            "crm.objects.contacts.write",
            "crm.schemas.contacts.read",
            "crm.lists.read",
            "crm.lists.write",
            "communication_preferences.read_write",
        ),
        client_auth="body",
        lifetime=1800,
    )
    audience_noun = "list"
    field_noun = "property"
    opt_in = "none"
    batch_size = READ
    concurrency = 2
    rate = Rate(calls=100, seconds=10)  # public apps 110, private apps 100 or more
    exit_effect = (
        "Taken off the list, unsubscribed from the subscription type, or, where the "
        "audience is all contacts, unsubscribed from all e-mail."
    )
    notice = (
        "A contact is a record in HubSpot: being one, or on a list, is no permission "
        "to mail them. Choose an e-mail subscription type as the audience to record "
        "that they subscribed."
    )
    glyph = "H"
    colour = "h"
    docs_url = (
        "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/"
        "authentication/account-service-keys"
    )
    features = frozenset({"update_existing"})
    home = "https://api.hubapi.com"

    def headers(self) -> dict[str, str]:
        token = self.secrets.get("access_token") or self.secrets.get("token", "")
        return {"Authorization": f"Bearer {token.strip()}"}

    def explain(self, answer: Answer) -> str:
        return self.safe(words_of(answer.object()))

    def error_from(self, answer: Answer) -> AdapterError:
        error = super().error_from(answer)
        body = answer.object()
        if answer.status in WAIT:
            return TransientError(
                error.detail,
                reason=Reason.RATE,
                status=answer.status,
                retry_after=wait_of(answer),
            )
        if answer.status == 401 and body.get("category") == "EXPIRED_AUTHENTICATION":
            return CredentialsError(
                error.detail, reason=Reason.AUTH_EXPIRED, status=401
            )
        if isinstance(error, TransientError) and body.get("policyName") == "DAILY":
            return TransientError(
                error.detail,
                reason=Reason.QUOTA,
                status=answer.status,
                retry_after=error.retry_after or DAY,
            )
        if isinstance(error, RejectedError):
            return RejectedError(
                error.detail, reason=reason_of(body), status=answer.status
            )
        return error

    def verify(self) -> Reading:
        account = self.fetch("GET", "/account-info/v3/details")
        resources = (
            self._probe("contacts", "POST", f"{CONTACTS}/search", search(0, limit=1)),
            self._probe("lists", "POST", f"{LISTS}/search", _lists(0)),
            self._probe("properties", "GET", "/crm/v3/properties/contacts"),
            self._probe("subscription types", "GET", f"{PREFERENCES}/definitions"),
        )
        portal = str(account.get("portalId") or "")
        return Reading(
            identity=portal,
            account_name=" ".join(
                str(account.get(name) or "") for name in ("uiDomain", "accountType")
            ).strip(),
            resources=resources,
        )

    def _probe(
        self, name: str, method: str, path: str, payload: object = None
    ) -> Resource:
        # Nothing is written to find out whether it may be. Properties and subscription
        # types are only read.
        def count() -> int | None:
            body = self.fetch(method, path, payload=payload)
            rows = body.get("results")
            return body.get("total", len(rows) if isinstance(rows, list) else None)

        return probed(name, count)

    def audiences(self) -> list[Audience]:
        found = [Audience(id=EVERYBODY, label="All contacts")]
        found += [
            Audience(
                id=f"list:{row['listId']}",
                label=str(row.get("name") or ""),
                size=_size(row),
                double_opt_in=False,
            )
            for row in self._lists()
        ]
        try:
            types = self.types
        except ScopeError:
            return found  # no permission for subscription types: they are left out
        return found + [
            Audience(
                id=f"subscription:{row['id']}",
                label=f"{row.get('name') or ''} (e-mail subscription type)",
                double_opt_in=False,
            )
            for row in types
            if not row.get("isInternal")
        ]

    def _lists(self) -> Iterator[dict[str, Any]]:
        def read(offset: int) -> tuple[list[dict[str, Any]], int | None]:
            body = self.fetch("POST", f"{LISTS}/search", payload=_lists(offset))
            rows = rows_in(body, "lists")
            more = body.get("hasMore") and rows
            return rows, offset + len(rows) if more else None

        return all_pages(read, 0)

    def fields(self, audience_id: str) -> list[Field]:
        return [field_of(row) for row in self.properties if row["name"] != "email"]

    def subscriptions(
        self, emails: Sequence[str], audience_id: str
    ) -> list[Subscription]:
        if not emails:
            return []
        target = Target.parse(audience_id)
        known = self.find(emails, self.writable)
        found = [self._known(email, known.get(key_of(email))) for email in emails]
        if target.kind == "subscription":
            return [self._subscribed(item, target.id) for item in found]
        if target.kind == "list" and known:
            members = self._members({str(row["id"]) for row in known.values()}, target)
            return [
                item
                if item.remote_id in members
                else replace(item, status="absent", changed_at=None, detail="")
                for item in found
            ]
        return found

    def _known(self, email: str, record: Mapping[str, Any] | None) -> Subscription:
        found = standing(email, record)
        if record is None or not self.writable:
            return found
        told = record.get("properties") or {}
        return replace(found, fields=filled({n: told.get(n) for n in self.writable}))

    def _subscribed(self, item: Subscription, subscription: str) -> Subscription:
        if item.status in ("unsubscribed", "bounced"):
            return item
        now = self.status(item.email, subscription)
        return replace(now, remote_id=item.remote_id, fields=item.fields)

    def _members(self, ids: set[str], target: Target) -> set[str]:
        inputs = [{"objectTypeId": CONTACT_TYPE, "recordId": item} for item in ids]
        inputs.sort(key=lambda row: row["recordId"])
        members: set[str] = set()
        for start in range(0, len(inputs), READ):
            body = self.fetch(
                "POST",
                f"{LISTS}/records/memberships/batch/read",
                payload={"inputs": inputs[start : start + READ]},
            )
            members |= {
                str(row.get("recordId"))
                for row in rows_in(body, "results")
                if any(
                    str(item.get("listId")) == target.id
                    for item in row.get("recordListMemberships") or ()
                )
            }
        return members

    def unsubscribe(self, emails: Sequence[str], audience_id: str) -> list[Outcome]:
        target = Target.parse(audience_id)
        known = self.find(emails) if target.kind == "list" else {}
        ids = {key_of(email): str(row["id"]) for email, row in known.items()}
        if ids:
            self.change_members(target.id, "remove", sorted(set(ids.values())))
        outcomes: list[Outcome] = []
        later: Outcome | None = None
        for email in emails:
            try:
                outcomes.append(later or self._opt_out(email, target, ids))
            except RejectedError as error:
                outcomes.append(rejected(error.reason, error.detail))
            except TransientError as error:
                later = again(error)
                outcomes.append(later)
        return outcomes

    def _opt_out(self, email: str, target: Target, ids: dict[str, str]) -> Outcome:
        if target.kind == "list":
            if key_of(email) not in ids:
                return Outcome(state=OutcomeState.SKIPPED, detail=ABSENT)
            return synced(ids[key_of(email)])
        if target.kind == "subscription":
            for spelling in spellings(email):
                self.set_status(spelling, target.id, "UNSUBSCRIBED")
            return synced()
        for spelling in spellings(email):
            path = f"{status_path(spelling)}/unsubscribe-all"
            self.request("POST", path, params={"channel": "EMAIL"})
        return synced()

    def erase(self, email: str) -> Receipt:
        """Deletes for good under GDPR. Somebody unknown is left alone: HubSpot would
        put the address on its list of blocked ones."""
        records = self.read(spellings(email), by="email")
        if not records:
            return Receipt(ok=True, note="HubSpot did not hold this address.")
        for record in records:
            person = {"objectId": str(record["id"])}
            self.request("POST", f"{CONTACTS}/gdpr-delete", payload=person)
        return Receipt(ok=True, note="Erased for good, with everything tied to it.")


def _lists(offset: int) -> dict[str, object]:
    return {
        "objectTypeId": CONTACT_TYPE,
        "processingTypes": ["MANUAL", "SNAPSHOT"],
        "additionalProperties": ["hs_list_size"],
        "offset": offset,
        "count": PAGE,
    }


def _size(row: dict[str, Any]) -> int | None:
    size = str((row.get("additionalProperties") or {}).get("hs_list_size") or "")
    return int(size) if size.isdigit() else None
