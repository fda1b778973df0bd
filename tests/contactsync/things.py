"""One of everything that an account can have, for those who try to get at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from activity.models import Incident
from connections.models import ListImport
from connections.services import ImportSettings, import_create
from contacts.models import Contact, Suppression
from contactsync.tenancy.models import Account, Invitation, Membership, Role, User
from contactsync.tenancy.services import api_key_issue, invitation_create
from displays.models import Display, Signup
from displays.services import display_create
from hygiene.models import CleaningRun, ListEntry
from integrations import oauth_state
from integrations.access import Access
from integrations.bulk import bulk_plan_create
from integrations.models import BulkRun, LinkAttempt, LinkedAccount, Target
from integrations.services import linked_account_create
from tests.connections.world import cleaned
from tests.contactsync.api.client import Api
from tests.integrations.world import delivery, rule_to


@dataclass
class Things:
    """One of everything that an account can have."""

    account: Account
    display: Display
    linked: LinkedAccount
    rule: Any
    signup: Signup
    contact: Contact
    delivery: Any
    suppression: Suppression
    invitation: Invitation
    key: Any
    member: Membership
    entry: ListEntry
    rejected: Signup
    run: CleaningRun
    list_import: ListImport
    bulk: BulkRun
    attempt: LinkAttempt
    target: Target
    incident: Incident
    provider: str = "mailchimp"
    language: str = "de"

    def arguments(self, things: dict[str, str]) -> dict[str, Any]:
        found = {argument: getattr(self, name) for argument, name in things.items()}
        return {
            argument: thing if isinstance(thing, str) else thing.pk
            for argument, thing in found.items()
        }


def question(account: Account, owner: User) -> LinkAttempt:
    """Linking that waits for the person to choose a part of the account."""
    attempt = LinkAttempt(account=account, user=owner, provider="mailchimp")
    access = Access(secrets={"api_key": "0" * 32 + "-us1"})
    choices = [["1", "One"], ["2", "Two"]]
    oauth_state.ask(
        attempt, {"access": access.to_json(), "part": None, "choices": choices}
    )
    return attempt


def things_of(account: Account, owner: User) -> Things:
    key = api_key_issue(account=account, kind="sk", name="things")
    display = display_create(account=account, name="D", kind="popup", status="live")
    linked = linked_account_create(
        account=account,
        provider="mailchimp",
        label="L",
        credentials={"api_key": "0" * 32 + "-us1"},
    )
    rule = rule_to(display, linked)
    body = {"display": str(display.pk), "email": "person@gmail.com"}
    answer = Api(key.text).post("signups", body)
    signup = Signup.objects.get(pk=answer.json()["id"])
    answer = Api(key.text).post("signups", {**body, "email": "info@shop.org"})
    rejected = Signup.objects.get(pk=answer.json()["id"])
    run = cleaned(account, [("person@gmail.com", "P", "")])
    helper = User.objects.create_user(f"helper-{account.slug}@gmail.com", "x" * 12)
    member = Membership.objects.create(account=account, user=helper, role=Role.VIEWER)
    return Things(
        account=account,
        display=display,
        linked=linked,
        rule=rule,
        signup=signup,
        contact=Contact.objects.for_account(account).get(pk=signup.contact_id),
        delivery=delivery(rule, email="x@gmail.com", contact_id=signup.contact_id),
        suppression=Suppression.objects.create(
            account=account, email_key="gone@gmail.com", actor="admin"
        ),
        invitation=invitation_create(
            account=account, email="new@gmail.com", role=Role.VIEWER, by=owner
        )[0],
        key=key.key,
        member=member,
        entry=ListEntry.objects.create(
            account=account, kind="deny", scope="domain", value="denied.org"
        ),
        rejected=rejected,
        run=run,
        list_import=import_create(
            run=run,
            settings=ImportSettings(
                linked_account=linked, audience_id="A", consent="Shop"
            ),
        ),
        bulk=bulk_plan_create(account=account, kind="retry", what={}, by=owner),
        attempt=question(account, owner),
        target=rule.target,
        incident=Incident.objects.create(
            account=account, kind="stuck.job", key="1", title="A job"
        ),
    )
