from __future__ import annotations

import json
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import transaction

from contactsync.tenancy.models import ApiKey, User
from contactsync.tenancy.services import account_create, api_key_issue


class Command(BaseCommand):
    help = "Make an account with an owner and a pair of live API keys, and print them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="the account's name")
        parser.add_argument("--email", required=True, help="the owner's log-in")
        parser.add_argument(
            "--password", help="for a new owner; made up and printed when left out"
        )
        parser.add_argument(
            "--origin",
            action="append",
            default=[],
            help="a web origin that may use the publishable key; repeat for more",
        )
        parser.add_argument("--format", choices=("text", "json"), default="text")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"--email {email!r} is not an e-mail address") from None
        with transaction.atomic():
            user = User.objects.filter(email=email).first()
            made = user is None
            password = options["password"] or secrets.token_urlsafe(12)
            if user is None:
                user = User.objects.create_user(email, password)
            account = account_create(name=options["name"].strip(), owner=user)
            public = api_key_issue(
                account=account,
                kind=ApiKey.Kind.PUBLISHABLE,
                name="First publishable key",
                origins=options["origin"],
                by=user,
            )
            secret = api_key_issue(
                account=account,
                kind=ApiKey.Kind.SECRET,
                name="First secret key",
                by=user,
            )
        told = {
            "account": account.slug,
            "email": email,
            "publishable_key": public.text,
            "secret_key": secret.text,
        }
        if made and not options["password"]:
            told["password"] = password
        if options["format"] == "json":
            self.stdout.write(json.dumps(told))
        else:
            for name, value in told.items():
                self.stdout.write(f"{name + ':':17}{value}")
