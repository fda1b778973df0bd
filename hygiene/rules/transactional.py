"""Addresses a system made, for one message or for its bounces."""

from __future__ import annotations

import re

from hygiene.case import BUILTIN, DIGITS, MARK, ODD, SEPARATED, Case, Host
from hygiene.rules.accents import spellings
from hygiene.rules.names import is_their_name
from hygiene.verdict import Category, Finding

_REWRITTEN = re.compile(
    r"(?P<srs>(?:.+\+)?srs[01]?[=+.-].*=.*)"
    r"|(?P<batv>(?:ms)?prvs[0-9]*=[^=]+=.+|prvs=.+/.+|btv1==.+==.+)"
    # The recipient of a copy, or whose mail it was: jo=acme.com, jo#ext#, jo%acme.com.
    r"|(?P<verp>.+[=#%](?:[a-z0-9-]+\.)+(?P<ending>[a-z]{2,63})|.+\+caf_=.+|.+#ext#|.+=[0-9]{5,})"
).fullmatch

_BOUNCED = (
    *("bounce", "bounces", "bnc", "return", "returns", "verp", "mailer-daemon"),
    *("envelope", "error", "errors"),
)
_INITIALS = ("re", "rp", "fbl", "dsn", "ndr", "env", "err", "mta")
_THREAD = (
    *("reply", "replies", "respond", "comment", "comments", "thread", "msg"),
    *(
        "conv",
        "conversation",
        "conversations",
        "message",
        "notification",
        "notifications",
        "unsub",
    ),
    *("unsubscribe", "optout", "list-unsub", "list-unsubscribe", "inbound", "incoming"),
    *("parse", "discussion"),
)
_DESK = (
    *("ticket", "case", "issue", "incident", "request", "task", "todo", "receipt"),
    *("receipts", "invoice", "invoices", "order", "orders", "id", "jira", "bug"),
    *("bugs", "lead", "leads", "deal", "note", "notes", "project", "survey", "job"),
    *("jobs", "upload", "crm", "post"),
)
_NUMBERED = (
    *("ticket", "case", "incident", "invoice", "order", "booking", "shipment", "rma"),
    *("tracking", "receipt", "payment", "claim", "request", "quote", "job", "po"),
)
_LISTED = ("leave", "join", "subscribe", "confirm", "lyris-confirm")
_OTHER = ("owner-", "sentto-", "imcea", "v-", "list-", "req", "rma", "room_")


def _any(words: tuple[str, ...]) -> str:
    return "|".join(words)


_TOKEN = re.compile(
    # A return path with an id, or one made for each recipient.
    rf"(?:{_any(_BOUNCED)})[+=_.-].*[0-9=].*"
    # People have initials, too, but not before a number.
    rf"|(?:{_any(_INITIALS)})[+=-][0-9a-f]*[0-9][0-9a-f=.-]*"
    # What a program reads: the thread, the ticket, the subscription meant.
    rf"|(?:{_any(_THREAD)})[+=_.-](?=.*[0-9=]).{{6,}}"
    rf"|(?:{_any(_DESK)})\+(?=.*[0-9])[0-9a-z_=.+-]{{5,}}"
    rf"|(?:{_any(_NUMBERED)})[-_.#][0-9]{{5,}}"
    r"|(?:ticket|issue|incident|bug|req|rma)[-_#][0-9]{4,}"
    r"|(?:invoice|receipts?)\+[a-z]+(?:\+.+)?"
    # What a list program, Exchange or a sending service writes on the envelope.
    r"|owner-[^+]+\+[a-z0-9-]*[0-9].*"
    rf"|(?:{_any(_LISTED)})-(?=[^-]*[0-9])[0-9a-z]{{4,}}(?:[-.][0-9a-z]+)+"
    r"|room_[0-9a-f]{8,}"
    r"|sentto-[0-9]+-.*|imcea[a-z]*-.*|v-[a-z]+_[a-z]+_[0-9]+_[0-9a-z_]+"
).fullmatch
_STARTS = frozenset(
    f"{word}{separator}"[:3]
    for word in (
        *(*_BOUNCED, *_INITIALS, *_THREAD, *_DESK, *_NUMBERED, *_LISTED, *_OTHER),
    )
    for separator in "+=_.-#"
)
"""How a token begins: few names begin so."""
_ENVELOPE = re.compile(
    r".+-return-[0-9]+(?:-.*)?|[0-9a-f]{12,}-[0-9a-f-]{4,}-0{6}"
).fullmatch
"""What ezmlm and Amazon SES write on the envelope."""
_BNC = re.compile(r"bnc[a-z0-9]{6,}").fullmatch
"""What Google Groups adds to the group's own address."""
_ID = re.compile(r"(?=.*[0-9])[0-9a-f]{12,}|[0-9]{5,}").fullmatch
"""What a desk's program puts behind the plus sign."""


def _finding(rule: str, matched: str) -> Finding:
    return Finding(Category.TRANSACTIONAL, rule, matched, BUILTIN)


def relay_host(host: Host) -> Finding | None:
    """Marketplace relays and sending hosts, and anything below them.

    An entry with a leading dot counts for what is below it: the company behind such a
    host has people at the domain itself.
    """
    listed = host.words.transactional_hosts
    if host.domain in listed:
        return _finding("relay-host", host.domain)
    for domain in host.parents[1:]:
        if domain in listed or f".{domain}" in listed:
            return _finding("relay-host", domain)
    return None


def relay_label(host: Host) -> Finding | None:
    """A host whose own name says that it only sends: ``bounces.shop.example``."""
    # notifications.com and bounce.co.uk are somebody's own domain; relay.firefox.com
    # is an alias service.
    for domain in host.parents[:-1]:
        if domain in host.facts.masks:
            return None
        label = domain.partition(".")[0]
        if label.rstrip(DIGITS) in host.words.relay_labels or _SENDGRID(label):
            return _finding("relay-label", domain)
    return None


_SENDGRID = re.compile(r"em[0-9]{3,}|sandbox[0-9a-f]{20,}").fullmatch
"""What SendGrid and Mailgun have their customers set up."""


def rewritten(case: Case) -> Finding | None:
    """Return paths that hold another address: SRS, BATV, VERP."""
    match = _REWRITTEN(case.local)
    if match is None:
        return None
    # 50%off.joe is a nickname.
    ending = match["ending"]
    if ending and case.facts.tlds and ending not in case.facts.tlds:
        return None
    return _finding(match.lastgroup or "verp", case.local)


def bounce(case: Case) -> Finding | None:
    """``bounce-12345``, ``reply+4f8a1c``, ``ticket+12345``: a program's id is in it."""
    local = case.local
    if local[:3] in _STARTS and _TOKEN(local):
        return _finding("bounce", local)
    shape = case.shape
    # Behind a plus sign it is somebody's tag; alone it is for system_sender().
    if shape & SEPARATED and "bounce" in case.base and _bounces(case):
        return _finding("bounce", local)
    if shape & ODD:
        word, plus, tag = local.partition("+")
        if plus and (_BNC(tag) or (word in case.words.role_hard and _ID(tag))):
            return _finding("bounce", local)
    if "-" in local and ("-return-" in local or "-000000" in local):
        return _finding("bounce", local) if _ENVELOPE(local) else None
    return None


def _bounces(case: Case) -> bool:
    """Whether the word is no nickname, and not a mailing list's, whose own they are."""
    listed = case.domain.partition(".")[0] in case.words.broadcast_labels
    return not case.provider and not listed and not is_their_name(case)


_ENGLISH = re.compile(r"(?:no|not|nt|auto|never|un)repl|replyno").search


def no_reply(case: Case) -> Finding | None:
    """``no-reply``, ``donotreply.shop``, ``orders-noreply``, in forty languages."""
    stem, index = case.stem, case.facts.index
    heads = index.heads.get(stem[:MARK], ())
    if stem.startswith(heads) or stem.endswith(index.tails.get(stem[-MARK:], ())):
        return _finding("no-reply", case.squashed)
    return None


def system_sender(case: Case) -> Finding | None:
    """``notifications``, ``order-confirmation``, ``alerts.eu``, ``price-alerts``."""
    stem = case.squashed if case.provider else case.stem
    if stem in case.words.transactional_locals:
        # mfa12 is a student's id.
        if len(stem) < 4 and stem is not case.squashed:
            return None
        if case.provider and stem in _NICKNAMES:
            return None
        return None if is_their_name(case) else _finding("system-sender", stem)
    if not stem.isascii():
        return _accented(case)
    # Nicknames and hobbies at a mailbox provider: alert.alice, thebouncer.
    if case.provider:
        return None
    # Between other words, as in acme-noreply-uk.
    if "repl" in stem and _ENGLISH(stem) and no_reply(case) is None:
        return _finding("system-sender", stem)
    # acmebounces; where a separator sets them apart, bounce() has them.
    if "bounce" in stem and not case.shape & SEPARATED and _bounces(case):
        return _finding("system-sender", stem)
    if stem[:4] not in _EDGES and stem[-4:] not in _EDGES:
        return None
    if stem.endswith(_SENT) or stem.startswith(_SENT):
        return _finding("system-sender", stem)
    if case.shape & SEPARATED:
        pieces = case.base.replace("_", "-").replace(".", "-").split("-")
        for piece in (pieces[0], pieces[-1]):
            if piece.rstrip(DIGITS) in _PIECES and not _asks_list(case, pieces):
                return _finding("system-sender", stem)
    return None


def _asks_list(case: Case, pieces: list[str]) -> bool:
    """Whether it is where one joins a mailing list: ``chess-confirm``."""
    words = case.words
    if pieces[-1] != "confirm" or pieces[0] in words.transactional_locals:
        return False
    return not any(
        piece in words.role_hard or piece in words.role_soft or len(piece) < 4
        for piece in pieces[:-1]
    )


def _accented(case: Case) -> Finding | None:
    """``não-responda`` and ``bestätigung``, listed without their accents."""
    markers = case.words.transactional_markers
    if no_reply(case) is not None:
        return None
    for word in spellings(case.stem)[1:]:
        listed = word in case.words.transactional_locals or word in _SENT
        if listed or word.startswith(markers) or word.endswith(markers):
            return _finding("system-sender", case.stem)
    return None


_NICKNAMES = frozenset(
    {"autobot", "autobots", "automat", "automator", "blackhole", "bouncer", "buildbot"}
    | {"daemon", "envelope", "error", "errors", "failures", "logger", "messenger"}
    | {"monitor", "notifier", "robot", "robots", "spool", "spooler", "tracking"}
    | {"tsuchi", "unattended", "watchdog", "watchdogs", "github", "gitlab", "itinerary"}
)
"""System senders that are also what people call themselves at a mailbox provider."""

_SENT = (
    *("alerts", "notification", "notifications", "notifier", "receipts"),
    *("confirmation", "confirmations", "reminders", "verification", "verifications"),
    *("autoreply", "autorespon", "autonotif", "autoconfirm", "maildelivery"),
    *("notificacion", "notificaciones", "notificacao", "notificacoes", "notificacio"),
    *("confirmacion", "confirmacao", "verificacion", "verificacao", "recordatorio"),
    *("notifiche", "benachrichtigung", "benachrichtigungen", "bestaetigung"),
    *("bestaetigungen", "bevestiging", "bevestigingen", "kennisgeving"),
    *("bekraftelse", "bekraeftelse", "bekreftelse", "vahvistus", "ilmoitus"),
    *("powiadomienia", "powiadomienie", "potwierdzenie", "potwierdzenia", "potvrzeni"),
    *("potvrdenie", "upozorneni", "upozornenie", "visszaigazolas", "uvedomlenie"),
    *("uvedomleniya", "podtverzhdenie", "bildirimleri", "pemberitahuan", "konfirmasi"),
)
"""What systems send, in words that begin and end no name."""
_PIECES = frozenset(
    (
        *("alert", "alerta", "alertas", "alerte", "alertes", "notify", "notif", "fbl"),
        *("notifs", "reminder", "receipt", "confirm", "verify", "daemon", "invites"),
        *("autobot", "tracking", "invitation", "invitations", "rappel", "rappels"),
        *("cron", "cronjob", "errors", "otp", "notice", "notices", "meldung"),
        *("meldungen", "erinnerung", "avviso", "avvisi", "aviso", "promemoria"),
        *("recibo", "recibos", "update", "updates", "bildirim", "verifica", "bot"),
        *("activation", "autosend", "automail", "receipts", "statement", "statements"),
    )
)
"""The same, only where a separator sets them apart: others share their letters."""
_EDGES = frozenset(
    part for word in (*_SENT, *_PIECES) for part in (word[:4], word[-4:])
)
