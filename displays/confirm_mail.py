"""The mail that asks somebody to confirm: plain text and HTML.

All of its words are ours or the team's: nothing that a visitor typed stands in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address
from email.utils import make_msgid, parseaddr

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from displays.confirm_texts import Choices, Wording, filled

MAX_SUBJECT = 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail before it is addressed."""

    sender: str
    subject: str
    paragraphs: tuple[str, ...]
    button: str
    link_line: str
    expires: str
    ignore: str
    language: str


def letter_of(
    wording: Wording, choices: Choices, account_name: str, *, reminder: bool = False
) -> Letter:
    words = wording.words
    subject = one_line(filled(wording.subject, account_name))
    body = filled(wording.body, account_name).replace("\r\n", "\n")
    return Letter(
        sender=one_line(wording.sender or account_name),
        subject=(words.reminder + subject if reminder else subject)[:MAX_SUBJECT],
        paragraphs=tuple(part.strip() for part in body.split("\n\n") if part.strip()),
        button=one_line(filled(wording.button, account_name)),
        link_line=words.link,
        expires=words.expires.format(days=choices.expires_after.days),
        ignore=words.ignore,
        language=wording.language,
    )


def one_line(text: str) -> str:
    """Fit for a header."""
    return " ".join(char for char in text.split() if char.isprintable())


def plain(letter: Letter, link: str) -> str:
    parts = [*letter.paragraphs, f"{letter.button}:\n{link}", letter.expires]
    return "\n\n".join([*parts, letter.ignore]) + "\n"


def message_id() -> str:
    """A new Message-ID, with its angle brackets."""
    return make_msgid("confirm", domain=sender_address().rpartition("@")[2])


def sender_address() -> str:
    return parseaddr(settings.DEFAULT_FROM_EMAIL)[1] or "contactsync@localhost"


def message_of(
    letter: Letter, *, to: str, link: str, message_id: str
) -> EmailMultiAlternatives:
    """The mail as it is handed to the mail server."""
    address = Address(display_name=letter.sender, addr_spec=sender_address())
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=plain(letter, link),
        from_email=str(address),
        to=[to],
        headers={
            "Message-ID": message_id,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "Content-Language": letter.language,
        },
    )
    html = render_to_string(
        "displays/confirm_mail.html", {"letter": letter, "link": link}
    )
    message.attach_alternative(html, "text/html")
    return message
