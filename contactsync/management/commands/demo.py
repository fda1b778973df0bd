from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from contactsync.tenancy.models import Account, ApiKey, User
from contactsync.tenancy.services import account_create, api_key_issue
from displays.models import Display
from displays.services import display_create

EMAIL = "demo@contactsync.test"
PASSWORD = "contactsync-demo"
DISPLAY = "Spring welcome popup"


class Command(BaseCommand):
    help = (
        "Make the demo account: a log-in, a live display and API keys. Safe to repeat. "
        "Writes CONTACTSYNC_HOME/demo.json."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--base-url", default=settings.BASE_URL)
        parser.add_argument("--sandbox-url", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.HOME) / "demo.json"
        known = self.known(path)
        with transaction.atomic():
            told = known or self.make(options["base_url"])
        told["base_url"] = options["base_url"]
        told["sandbox_url"] = options["sandbox_url"]
        draft = path.with_suffix(".tmp")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(told, indent=2) + "\n")
        os.replace(draft, path)
        self.allow_origin(told["account"], options["base_url"])
        self.stdout.write(json.dumps(told))

    def known(self, path: Path) -> dict[str, str]:
        """The demo of an earlier run, if the data base still has it."""
        try:
            told: dict[str, str] = json.loads(path.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        known = Display.objects.filter(
            pk=told.get("display"), account__slug=told.get("account")
        )
        return told if known.exists() else {}

    def make(self, base_url: str) -> dict[str, str]:
        user = User.objects.filter(email=EMAIL).first()
        if user is None:
            user = User.objects.create_user(EMAIL, PASSWORD, name="Dana Whitfield")
            EmailAddress.objects.create(
                user=user, email=EMAIL, verified=True, primary=True
            )
        account = account_create(name="Acme Outdoor", owner=user)
        public = api_key_issue(
            account=account,
            kind=ApiKey.Kind.PUBLISHABLE,
            name="Web shop",
            origins=[base_url],
            by=user,
        )
        secret = api_key_issue(
            account=account, kind=ApiKey.Kind.SECRET, name="Back office", by=user
        )
        display = display_create(
            account=account,
            name=DISPLAY,
            kind=Display.Kind.POPUP,
            status=Display.Status.LIVE,
        )
        Display.objects.filter(pk=display.pk).update(
            headline="Take 15% off",
            body="Join the list and get early access to the spring drop.",
            button="Unlock my code",
        )
        return {
            "email": EMAIL,
            "password": PASSWORD,
            "account": account.slug,
            "publishable_key": public.text,
            "secret_key": secret.text,
            "display": str(display.pk),
        }

    def allow_origin(self, slug: str, base_url: str) -> None:
        account = Account.objects.get(slug=slug)
        for key in ApiKey.objects.for_account(account).filter(kind="pk"):
            if base_url not in key.origins:
                key.origins = [*key.origins, base_url]
                key.save(update_fields=["origins"])
