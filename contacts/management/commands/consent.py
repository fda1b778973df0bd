from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from contacts.certificates import certificate_of, verify
from contacts.consent_keys import KeyProblem, private_key, public_pem, read_public
from contacts.consent_seals import check_account, seal_account
from contacts.consents import consent_erase
from contacts.models import Contact
from contactsync.lib.email import email_key
from contactsync.tenancy.models import Account

MOST_BYTES = 32 * 1024 * 1024


class Command(BaseCommand):
    help = (
        "The consent ledger: export a person's certificate, verify one with the public "
        "key alone, print that key, check an account's chain, erase a person's details."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        for name in ("export", "erase"):
            one = what.add_parser(name)
            one.add_argument("--account", required=True, help="slug of the account")
            who = one.add_mutually_exclusive_group(required=True)
            who.add_argument("--email")
            who.add_argument("--contact", type=UUID)
        checking = what.add_parser("verify", help="needs no data base")
        checking.add_argument("file", help="a certificate, - for standard input")
        checking.add_argument("--key", required=True, help="public key, PEM")
        what.add_parser("key", help="print the public key as PEM")
        walking = what.add_parser("check", help="walk an account's chain")
        walking.add_argument("--account", required=True)

    def handle(self, **options: Any) -> None:
        try:
            getattr(self, f"do_{options['what']}")(options)
        except KeyProblem as problem:
            raise CommandError(str(problem)) from None

    def do_export(self, options: dict[str, Any]) -> None:
        account, contact = person(options)
        document = certificate_of(contact, account)
        self.stdout.write(json.dumps(document, indent=2, ensure_ascii=False))

    def do_erase(self, options: dict[str, Any]) -> None:
        account, contact = person(options)
        rows = consent_erase(account_id=account.pk, contact_id=contact.pk)
        self.stdout.write(f"Erased IP addresses, pages and evidence of {rows} rows.")

    def do_verify(self, options: dict[str, Any]) -> None:
        key = read_public(read(options["key"]))
        try:
            document = json.loads(read(options["file"]))
        except ValueError:
            raise CommandError(f"{options['file']} is not JSON.") from None
        if wrong := verify(document, key):
            raise CommandError("Not valid.\n" + "\n".join(wrong))
        body = document["certificate"]
        self.stdout.write(
            f"Valid: {len(body['consents'])} consents of {body['contact']['email']} at "
            f"{body['account']['name']}, issued {body['issued_at']}."
        )

    def do_key(self, options: dict[str, Any]) -> None:
        self.stdout.write(public_pem(private_key().public_key()), ending="")

    def do_check(self, options: dict[str, Any]) -> None:
        account = account_of(options)
        seal_account(account.pk)
        links, flaws = check_account(account.pk)
        for flaw in flaws:
            self.stdout.write(
                f"link {flaw.seq}, consent {flaw.consent_id}: {flaw.what}"
            )
        if flaws:
            raise CommandError(f"{len(flaws)} flaws in {links} links.")
        self.stdout.write(f"{links} links, all of them hold.")


def read(name: str) -> bytes:
    """Raises CommandError."""
    if name == "-":
        return sys.stdin.buffer.read(MOST_BYTES)
    try:
        with Path(name).open("rb") as file:
            return file.read(MOST_BYTES)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None


def account_of(options: dict[str, Any]) -> Account:
    account = Account.objects.filter(slug=options["account"]).first()
    if account is None:
        raise CommandError(f"There is no account {options['account']!r}.")
    return account


def person(options: dict[str, Any]) -> tuple[Account, Contact]:
    account = account_of(options)
    found = Contact.objects.for_account(account)
    contact = (
        found.filter(pk=options["contact"]).first()
        if options["contact"]
        else found.filter(email_key=email_key(options["email"])).first()
    )
    if contact is None:
        raise CommandError(f"There is no such contact in {account}.")
    return account, contact
