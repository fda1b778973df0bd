"""An account's choices for its confirmation mails: wording, language, times."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from contactsync.tenancy.models import Account
from displays.confirm_words import DEFAULT, LANGUAGES, Words
from displays.models import ConfirmationSettings, ConfirmationText

REMIND_HOURS = 24
EXPIRE_DAYS = 7
MAX_REMIND_HOURS = 24 * 6
MAX_EXPIRE_DAYS = 30
PLACEHOLDER = "{account}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """``remind_after`` None: no reminder."""

    language: str = DEFAULT
    remind_after: timedelta | None = timedelta(hours=REMIND_HOURS)
    expires_after: timedelta = timedelta(days=EXPIRE_DAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What a team may word, as it is used: its own, or ours where it has none."""

    language: str
    sender: str
    subject: str
    body: str
    button: str
    thanks: str
    own: bool = False

    @property
    def words(self) -> Words:
        return LANGUAGES[self.language]

    def values(self) -> dict[str, str]:
        return {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("language", "own")
        }


def choices_of(account_id: int) -> Choices:
    row = ConfirmationSettings.objects.for_account(account_id).first()
    if row is None:
        return Choices()
    return Choices(
        language=row.language if row.language in LANGUAGES else DEFAULT,
        remind_after=timedelta(hours=row.remind_after) if row.remind_after else None,
        expires_after=timedelta(days=row.expires_after),
    )


def choices_save(
    *, account: Account, language: str, remind_after: int, expires_after: int
) -> None:
    """``remind_after`` in hours, 0 for never; ``expires_after`` in days."""
    ConfirmationSettings.objects.update_or_create(
        account=account,
        defaults={
            "language": language,
            "remind_after": remind_after,
            "expires_after": expires_after,
        },
    )


def wording_of(account_id: int, language: str) -> Wording:
    """The team's wording in a language, or ours."""
    words = LANGUAGES[language]
    row = (
        ConfirmationText.objects.for_account(account_id)
        .filter(language=language)
        .first()
    )
    if row is None:
        return Wording(
            language=language,
            sender="",
            subject=words.subject,
            body=words.body,
            button=words.button,
            thanks=words.thanks,
        )
    return Wording(
        language=language,
        sender=row.sender,
        subject=row.subject,
        body=row.body,
        button=row.button,
        thanks=row.thanks or words.thanks,
        own=True,
    )


def wording_save(*, account: Account, language: str, **values: Any) -> None:
    """``values``: sender, subject, body, button, thanks."""
    ConfirmationText.objects.update_or_create(
        account=account, language=language, defaults=values
    )


def wording_forget(*, account: Account, language: str) -> None:
    """Back to our words."""
    ConfirmationText.objects.for_account(account).filter(language=language).delete()


def filled(text: str, account_name: str) -> str:
    """``{account}`` replaced; nothing else in braces means anything."""
    return text.replace(PLACEHOLDER, " ".join(account_name.split()))
