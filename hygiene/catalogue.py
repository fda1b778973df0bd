"""Every rule in a marketer's words: what we saw, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from hygiene.verdict import Category


@dataclass(frozen=True, slots=True)
class Explanation:
    """One sentence of what it means and one of what to do."""

    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.what} {self.todo}"


_ASK_AGAIN = "Ask the person for the address again."
_ASK_PERSONAL = "Ask the person for an address of their own."
_ALLOW = "If you know the person, put the address on your always-accept list."
_NOTHING = "Nothing to do: leave it out."
_LIFT = "Only a new opt-in by the person themselves lifts this."

_RULES: dict[Category, dict[str, tuple[str, str]]] = {
    Category.VALID: {
        "": ("This looks like one person's working address.", "Nothing to do."),
        "mask": (
            "A private alias that forwards to one person, who can switch it off.",
            "Nothing to do; a strict filter policy refuses aliases.",
        ),
        "allowed-address": (
            "Your own policy allows this address.",
            "Take it off your always-accept list to have it judged again.",
        ),
        "allowed-domain": (
            "Your own policy allows every address at this domain.",
            "Take it off your always-accept list to have it judged again.",
        ),
    },
    Category.SYNTAX: {
        "empty": ("There is no address.", _ASK_AGAIN),
        "too-long": (
            "The address is longer than the 254 characters mail allows.",
            _ASK_AGAIN,
        ),
        "control-character": (
            "The address holds characters that can not be seen or sent.",
            "Clean the file it came from and import it again.",
        ),
        "no-at": ("The @ is missing.", _ASK_AGAIN),
        "many-at": ("There is more than one @.", _ASK_AGAIN),
        "no-local": ("Nothing stands before the @.", _ASK_AGAIN),
        "no-domain": ("Nothing stands after the @.", _ASK_AGAIN),
        "space": ("There is a space inside the address.", _ASK_AGAIN),
        "display-name": (
            "A name stands around the address, as in Jo <jo@...>.",
            "Import the address alone and put the name into a column of its own.",
        ),
        "quoted-local": (
            "The part before the @ is in quotation marks, which most services refuse.",
            _ASK_PERSONAL,
        ),
        "ip-literal": (
            "A bare network number stands where the domain should be.",
            _ASK_PERSONAL,
        ),
        "local-dots": (
            "A dot stands first, last or twice in a row before the @.",
            _ASK_AGAIN,
        ),
        "local-too-long": (
            "The part before the @ is longer than 64 characters.",
            _ASK_AGAIN,
        ),
        "local-character": (
            "The part before the @ holds a character mail does not allow.",
            _ASK_AGAIN,
        ),
        "domain-dots": (
            "A dot stands first, last or twice in a row after the @.",
            _ASK_AGAIN,
        ),
        "no-dot": ("The domain has no ending such as .com.", _ASK_AGAIN),
        "domain-hyphen": (
            "A piece of the domain starts or ends with a hyphen.",
            _ASK_AGAIN,
        ),
        "label-too-long": (
            "A piece of the domain is longer than 63 characters.",
            _ASK_AGAIN,
        ),
        "numeric-ending": ("The domain ends in a number.", _ASK_AGAIN),
        "domain-name": ("The domain is not one that can exist.", _ASK_AGAIN),
        "characters": (
            "The address holds characters that no address can have.",
            _ASK_AGAIN,
        ),
        "no-mail-host": (
            "The domain does not exist or takes no mail: nobody can have this address.",
            "Ask the person for another address; the domain is looked up again later.",
        ),
    },
    Category.BOT: {
        "known": ("The address is in the database of known bots.", _NOTHING),
        "reserved-domain": (
            "The domain is reserved for tests and private networks.",
            _ASK_AGAIN,
        ),
        "placeholder-domain": (
            "The domain is one people type to avoid giving an address.",
            _ASK_AGAIN,
        ),
        "no-such-tld": ("The domain's ending does not exist.", _ASK_AGAIN),
        "fake-local": (
            "The part before the @ is what people type in place of an address.",
            _ASK_AGAIN,
        ),
        "mirrored": ("The same was typed on both sides of the @.", _ASK_AGAIN),
        "mash": (
            "The part before the @ is a run of neighbouring or repeated keys.",
            _ALLOW,
        ),
        "mash-domain": (
            "The domain is a run of neighbouring or repeated keys.",
            _ALLOW,
        ),
        "gibberish-domain": (
            "The domain's letters are in an order no language uses.",
            _ALLOW,
        ),
        "dot-stuffed": (
            "Gmail ignores dots, and this many disguise one mailbox as many.",
            _ALLOW,
        ),
        "hex": (
            "The part before the @ is a machine-made code, not a name.",
            _ALLOW,
        ),
        "alternating": (
            "Letters and digits take turns, as scripts make them.",
            _ALLOW,
        ),
        "trigram": (
            "The letters before the @ are in an order no language uses.",
            _ALLOW,
        ),
        "random-tail": (
            "Behind a name stand letters in an order no language uses.",
            _ALLOW,
        ),
        "mixed-case": (
            "Capital and small letters take turns, as in machine-made codes.",
            _ALLOW,
        ),
        "digits": ("More digits than any phone number has.", _ALLOW),
        "honeypot": (
            "A field that people do not see was filled in.",
            "Nothing to do: only a program reads hidden fields.",
        ),
        "too-fast": (
            "The form was sent sooner than a person can type.",
            "Nothing to do: a person who tries again gets through.",
        ),
    },
    Category.ROLE: {
        "exact": (
            "A shared mailbox of a function: nobody there consents for the others.",
            _ASK_PERSONAL,
        ),
        "numbered": (
            "A shared mailbox of a function, with a number behind it.",
            _ASK_PERSONAL,
        ),
        "compound": (
            "A shared mailbox of a department or a branch.",
            _ASK_PERSONAL,
        ),
        "glued": (
            "A shared mailbox, named by words of business or the company run together.",
            _ASK_PERSONAL,
        ),
        "soft": (
            "At a company this is the mailbox of a function, and no name was given.",
            "Collect the person's name, or put the address on your always-accept list.",
        ),
    },
    Category.BROADCAST: {
        "group-host": (
            "The host serves mailing lists, whose members have not consented.",
            _ASK_PERSONAL,
        ),
        "list-label": (
            "The host's own name says that it serves mailing lists.",
            _ASK_PERSONAL,
        ),
        "everyone": (
            "The address forwards to many people, who have not consented one by one.",
            _ASK_PERSONAL,
        ),
        "list-tail": ("The address ends as mailing lists do.", _ASK_PERSONAL),
        "list-head": ("The address begins as mailing lists do.", _ASK_PERSONAL),
    },
    Category.TRANSACTIONAL: {
        "relay-host": (
            "A relay of a marketplace or mail service, made for single messages.",
            _ASK_PERSONAL,
        ),
        "relay-label": ("The host only sends mail or takes bounces.", _NOTHING),
        "srs": ("A forwarder's return path, not a mailbox.", _NOTHING),
        "batv": ("A signed return path, not a mailbox.", _NOTHING),
        "verp": ("A bounce address with another address inside it.", _NOTHING),
        "bounce": (
            "An address with a code in it, or for bounces, that a program reads.",
            _NOTHING,
        ),
        "no-reply": ("An address that nobody reads.", _ASK_PERSONAL),
        "system-sender": ("An address a system sends from; nobody reads it.", _NOTHING),
    },
    Category.DISPOSABLE: {
        "domain": (
            "The domain gives out mailboxes to be thrown away.",
            _ASK_PERSONAL,
        ),
        "parent-domain": (
            "The domain belongs to one that gives out mailboxes to be thrown away.",
            _ASK_PERSONAL,
        ),
        "wide-domain": (
            "A wide list of throw-away domains has this one.",
            _ALLOW,
        ),
        "wide-parent-domain": (
            "A wide list of throw-away domains has the one above this.",
            _ALLOW,
        ),
        "mail-host": (
            "The domain's mail goes to a service for mailboxes to be thrown away.",
            "If you know the domain, put it on your always-accept list.",
        ),
        "mask": (
            "A private alias, which your policy refuses.",
            "Accept private aliases in your filter policy to let them in.",
        ),
    },
    Category.SUPPRESSED: {
        "unsubscribed": ("The person unsubscribed.", _LIFT),
        "complained": ("The person reported a message as spam.", _LIFT),
        "bounced": (
            "Mail to this address came back for good.",
            "Ask for a current address.",
        ),
        "trap": ("The address is a known spam trap.", _NOTHING),
        "admin": (
            "Somebody on your team put this address on the suppression list.",
            "Take it off the list to write to it again.",
        ),
    },
    Category.DENIED: {
        "address": (
            "Your own policy denies this address.",
            "Take it off your never-accept list to accept it.",
        ),
        "domain": (
            "Your own policy denies every address at this domain.",
            "Take it off your never-accept list to accept it.",
        ),
    },
}

RULES: dict[tuple[Category, str], Explanation] = {
    (category, rule): Explanation(*texts)
    for category, rules in _RULES.items()
    for rule, texts in rules.items()
}
"""Every (category, rule) a verdict can carry."""


def explain(category: Category, rule: str) -> Explanation:
    """Return the explanation of a verdict. Raises ``KeyError`` for an unknown rule."""
    return RULES[category, rule]
