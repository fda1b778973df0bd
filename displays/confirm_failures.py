"""What a mail server's refusal means for the mail: it bounced, or it goes out later."""

from __future__ import annotations

import smtplib
import socket
from dataclasses import dataclass
from enum import StrEnum

from django.core.mail import BadHeaderError

MAX_SAID = 300


class Kind(StrEnum):
    """BOUNCED: refused for good. LATER: refused for now. DOWN: the mail server cannot
    be used at all. UNKNOWN: it broke off, and the mail may have gone out."""

    BOUNCED = "bounced"
    LATER = "later"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Failure:
    """``said`` is shown to the team."""

    kind: Kind
    said: str


def failure_of(error: BaseException) -> Failure:
    """What an exception of a mail backend means (RFC 5321 4.2.1: 5yz is for good)."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()), (0, b""))
            return _answered(int(code), text)
        case smtplib.SMTPSenderRefused() | smtplib.SMTPAuthenticationError():
            return Failure(Kind.DOWN, _ours(error.smtp_code, error.smtp_error))
        case smtplib.SMTPConnectError() | smtplib.SMTPHeloError():
            return Failure(Kind.DOWN, _ours(error.smtp_code, error.smtp_error))
        case smtplib.SMTPResponseException():
            return _answered(error.smtp_code, error.smtp_error)
        case smtplib.SMTPNotSupportedError():
            said = "Your mail server cannot send to an address of this kind."
            return Failure(Kind.BOUNCED, said)
        case smtplib.SMTPServerDisconnected() | TimeoutError():
            return Failure(Kind.UNKNOWN, "The mail server broke off. We try again.")
        case ConnectionRefusedError() | socket.gaierror():
            said = "The mail server cannot be reached. We try again."
            return Failure(Kind.DOWN, said)
        case UnicodeError() | BadHeaderError() | ValueError():
            return Failure(Kind.BOUNCED, "No mail can be addressed to this address.")
        case OSError():
            return Failure(Kind.UNKNOWN, "The mail server broke off. We try again.")
    said = f"The mail could not be sent ({type(error).__name__}). We try again."
    return Failure(Kind.LATER, said)


def _answered(code: int, text: bytes | str) -> Failure:
    said = f"The mail server answered {code}: {_clean(text)}"[:MAX_SAID]
    return Failure(Kind.BOUNCED if 500 <= code < 600 else Kind.LATER, said)


def _ours(code: int, text: bytes | str) -> str:
    said = f"The mail server does not take our mail ({code}: {_clean(text)})."
    return said[:MAX_SAID]


def _clean(text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())
