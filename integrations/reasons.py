"""The catalogue of what can be wrong: what it means, and what helps.

One entry per reason, used by page, API, mail and export alike. ``{provider}`` is the
provider's name. SPEC.md 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass

from integrations.adapters.errors import Reason

NO_OVERRIDE = (
    "This is {provider}'s decision, and contactsync has no way to override it."
)


@dataclass(frozen=True, slots=True)
class Fix:
    """``title`` in a badge, ``sentence`` what happened, ``next_step`` what helps.

    ``action`` names the button that helps: reconnect, test, edit_rule, retry, wait,
    review, or nothing.
    """

    title: str
    sentence: str
    next_step: str
    action: str = ""

    def for_provider(self, provider: str) -> Fix:
        return Fix(
            self.title,
            self.sentence.replace("{provider}", provider),
            self.next_step.replace("{provider}", provider),
            self.action,
        )


FIXES: dict[Reason, Fix] = {
    Reason.AUTH_EXPIRED: Fix(
        "access expired",
        "{provider} says that our access has expired.",
        "Reconnect the account. Rules and mappings stay as they are.",
        "reconnect",
    ),
    Reason.AUTH_REVOKED: Fix(
        "access was refused",
        "{provider} does not accept the credentials, often because the key was "
        "deleted or replaced there.",
        "Enter a new key under Reconnect. Rules and mappings stay as they are.",
        "reconnect",
    ),
    Reason.AUTH_TRANSIENT: Fix(
        "log-in failed for the moment",
        "{provider} could not check our credentials just now.",
        "Nothing to do: it is tried again by itself.",
        "wait",
    ),
    Reason.SCOPE: Fix(
        "permission is missing",
        "{provider} accepts the credentials and does not allow this.",
        "Give the key or the user the permission in {provider}, then press Test "
        "Account.",
        "test",
    ),
    Reason.TARGET_MISSING: Fix(
        "audience is gone",
        "The audience does not exist in {provider} any more.",
        "Choose another audience in the rule. What waits is then sent there.",
        "edit_rule",
    ),
    Reason.TARGET_UNFINISHED: Fix(
        "something is not set up yet",
        "The rule asks for something that {provider} needs a setting for.",
        "Enter what is missing under Reconnect, then press Test Account.",
        "reconnect",
    ),
    Reason.REQUIRED_FIELD: Fix(
        "a required field is empty",
        "{provider} requires a field that this signup does not fill.",
        "Map the field in the rule, send a fixed value, or make it optional in "
        "{provider}.",
        "edit_rule",
    ),
    Reason.FIELD_TYPE: Fix(
        "a value does not fit its field",
        "{provider} does not accept a value in the form it was submitted.",
        "Choose in the rule how the value is read or what is sent instead, or map "
        "another field. What waits is then sent.",
        "edit_rule",
    ),
    Reason.OPTION_MISSING: Fix(
        "a choice does not exist there",
        "A submitted choice is not among the field's options in {provider}.",
        "Create the option in {provider}, then press Refresh fields, or choose in the "
        "rule what is sent instead.",
        "edit_rule",
    ),
    Reason.ADDRESS_FAKE: Fix(
        "looks fake",
        "{provider} takes the address for fake or invalid.",
        NO_OVERRIDE,
    ),
    Reason.ADDRESS_ROLE: Fix(
        "role address",
        "{provider} does not accept role addresses such as sales@ or info@.",
        NO_OVERRIDE,
    ),
    Reason.ADDRESS_DISPOSABLE: Fix(
        "disposable address",
        "{provider} does not accept addresses of disposable mail services.",
        NO_OVERRIDE,
    ),
    Reason.ADDRESS_INVALID: Fix(
        "invalid address",
        "{provider} does not take this for an e-mail address.",
        NO_OVERRIDE,
    ),
    Reason.UNSUBSCRIBED: Fix(
        "unsubscribed earlier",
        "This person has unsubscribed in {provider}. They stay unsubscribed.",
        "Only they can come back, by confirming an opt-in. Turn on 'Ask people who "
        "left to confirm' in the rule to send them one when they sign up. "
        + NO_OVERRIDE,
        "edit_rule",
    ),
    Reason.BOUNCED: Fix(
        "bounced earlier",
        "Mail to this address bounced in {provider}, which stopped sending to it.",
        NO_OVERRIDE,
    ),
    Reason.COMPLIANCE: Fix(
        "compliance state",
        "{provider} keeps this address from being subscribed because of an "
        "unsubscribe, a bounce or a compliance review.",
        "The person can subscribe again through a form of {provider}. " + NO_OVERRIDE,
    ),
    Reason.FORGOTTEN: Fix(
        "permanently deleted earlier",
        "The address was permanently deleted in {provider} and cannot be imported "
        "again.",
        "The person can subscribe again through a form of {provider}. " + NO_OVERRIDE,
    ),
    Reason.RATE: Fix(
        "too many requests",
        "{provider} asked us to slow down.",
        "Nothing to do: it is sent as soon as {provider} allows.",
        "wait",
    ),
    Reason.TURN: Fix(
        "waiting for its turn",
        "{provider} allows only so many calls at a time, and others go first.",
        "Nothing to do: it is sent as soon as it is its turn.",
        "wait",
    ),
    Reason.QUOTA: Fix(
        "plan limit reached",
        "The {provider} plan allows no more contacts or calls.",
        "Raise the plan in {provider}, then press Test Account.",
        "test",
    ),
    Reason.TOO_MANY_SIGNUPS: Fix(
        "signed up too often",
        "The address has been put on a lot of lists lately, so {provider} takes no "
        "more signups from it for now.",
        "Nothing to do: it is tried again later.",
        "wait",
    ),
    Reason.DUPLICATE: Fix(
        "two records for one person",
        "{provider} has several records for this address.",
        "Merge them in {provider}, then retry.",
        "retry",
    ),
    Reason.SERVER: Fix(
        "provider has a problem",
        "{provider} answered with an error of its own.",
        "Nothing to do: it is tried again by itself.",
        "wait",
    ),
    Reason.NETWORK: Fix(
        "no connection",
        "{provider} could not be reached.",
        "Nothing to do: it is tried again by itself.",
        "wait",
    ),
    Reason.TIMEOUT: Fix(
        "no answer in time",
        "{provider} did not answer in time.",
        "Nothing to do: it is tried again by itself, and nobody is added twice.",
        "wait",
    ),
    Reason.CURSOR_EXPIRED: Fix(
        "position lost",
        "{provider} no longer knows where the last sync ended.",
        "Nothing to do: everything is read once more.",
        "wait",
    ),
    Reason.REFUSED: Fix(
        "refused",
        "{provider} refused this contact.",
        "Read what {provider} answered below. " + NO_OVERRIDE,
        "review",
    ),
    Reason.OPT_IN_QUEUED: Fix(
        "confirmation mail is on its way out",
        "We ask the person by mail to confirm. Nothing is sent to {provider} before.",
        "Nothing to do: the mail goes out within a minute.",
        "wait",
    ),
    Reason.OPT_IN_SENT: Fix(
        "asked to confirm",
        "We asked the person by mail to confirm. Nothing is sent to {provider} before.",
        "Nothing to do: they have to click. You can send the mail once more.",
        "wait",
    ),
    Reason.OPT_IN_DELIVERED: Fix(
        "asked to confirm",
        "Our mail that asks the person to confirm has reached their mailbox.",
        "Nothing to do: they have to click. You can send the mail once more.",
        "wait",
    ),
    Reason.OPT_IN_BOUNCED: Fix(
        "confirmation mail came back",
        "The mail that asks the person to confirm could not be delivered.",
        "Check the address for a typing error. They are asked again when they sign up "
        "again.",
    ),
    Reason.CONDITION: Fix(
        "rule does not apply",
        "The signup does not meet the conditions of the rule.",
        "Change the rule's conditions if it should.",
        "edit_rule",
    ),
    Reason.NO_CONSENT: Fix(
        "no consent",
        "The person was asked for consent and did not give it, so they are not put on "
        "a marketing list.",
        "Only the person can change that, by signing up again and agreeing.",
    ),
    Reason.NOT_CONFIRMED: Fix(
        "never confirmed",
        "The person was asked to confirm and did not, so they are not in the audience.",
        "They are asked again when they sign up again.",
    ),
    Reason.SUPERSEDED: Fix(
        "a newer signup was sent",
        "The person signed up again meanwhile, and that newer signup was sent instead.",
        "Nothing to do: older values must not overwrite newer ones.",
    ),
    Reason.EXISTING: Fix(
        "is there already",
        "The contact is in the audience already, and the rule does not update "
        "contacts that exist.",
        "Turn on 'Update contacts that already exist' in the rule to change that.",
        "edit_rule",
    ),
    Reason.CANCELLED: Fix(
        "it was cancelled",
        "Somebody on your team cancelled the import or the bulk action before this "
        "contact was sent.",
        "Start it again if the contact should be sent after all.",
    ),
    Reason.UNDONE: Fix(
        "taken back",
        "A bulk action had put this contact in the audience, and your team undid it.",
        "Start the bulk action again if the contact should be there after all.",
    ),
    Reason.SUPPRESSED: Fix(
        "suppressed",
        "The address is on your suppression list, so nothing is sent for it.",
        "Only the person's own confirmed opt-in takes it off.",
    ),
    Reason.WITHDRAWN: Fix(
        "the signup was withdrawn",
        "A check after the signup found that the address takes no mail, so it was "
        "not sent.",
        "Nothing to do. If you know that the address is right, accept it on the "
        "contact's page.",
    ),
    Reason.PAUSED: Fix(
        "account is paused",
        "Somebody on your team paused this linked account.",
        "Resume it under Account > Integrations. What waits is then sent.",
        "test",
    ),
    Reason.UNLINKED: Fix(
        "account was unlinked",
        "The linked account was unlinked. Signups are still collected.",
        "Link the account again and choose it in the rule: what waits is then sent "
        "there.",
        "edit_rule",
    ),
    Reason.SUSPENDED: Fix(
        "sending is suspended",
        "Sending is suspended for this account. Signups are still collected.",
        "Open Deliverability: it says why, what to do, and how to ask for a review. "
        "What waits is sent when a reviewer clears the account.",
        "wait",
    ),
    Reason.INTERNAL: Fix(
        "our mistake",
        "contactsync ran into an error of its own.",
        "Press Retry. If it comes back, report it with the time shown.",
        "retry",
    ),
}


def fix_for(reason: str, provider: str) -> Fix | None:
    """The entry for a stored reason; None for an empty or unknown one."""
    try:
        return FIXES[Reason(reason)].for_provider(provider)
    except ValueError:
        return None
