"""``manage.py known_addresses``: mailboxes known for bots or spam traps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Count

from hygiene import known
from hygiene.models import KnownAddress


class Command(BaseCommand):
    help = (
        "Addresses that this installation turns away everywhere. Only keyed digests "
        "are kept. Feed it by hand: what a form caught may be somebody's victim."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("show", help="how many are known, by kind and source")
        what.add_parser("export", help="print all digests")
        for verb in ("add", "import"):
            one = what.add_parser(verb)
            one.add_argument("--kind", choices=KnownAddress.Kind.values, default="bot")
            one.add_argument("--source", default="manual", help="where they come from")
            if verb == "add":
                one.add_argument("addresses", nargs="+", metavar="ADDRESS")
            else:
                one.add_argument("file", help="addresses or digests, - for input")
        gone = what.add_parser("remove")
        gone.add_argument("addresses", nargs="+", metavar="ADDRESS")

    def handle(self, *args: object, **options: object) -> None:
        verbs: dict[str, Callable[..., None]] = {
            "show": self.show,
            "export": self.export,
            "add": self.add,
            "import": self.take,
            "remove": self.remove,
        }
        try:
            verbs[str(options["what"])](**options)
        except (known.KnownError, OSError, UnicodeError) as error:
            raise CommandError(str(error)) from error

    def show(self, **_: object) -> None:
        rows = KnownAddress.objects.values("kind", "source").annotate(n=Count("pk"))
        for row in rows.order_by("kind", "source"):
            self.stdout.write(f"{row['kind']} {row['source']}: {row['n']} digests")
        self.stdout.write(f"key {known.key_id()}")

    def export(self, **_: object) -> None:
        for line in known.exported():
            self.stdout.write(line)

    def add(self, addresses: list[str], kind: str, source: str, **_: object) -> None:
        new = known.add(addresses, kind=kind, source=source)
        self.stdout.write(f"{new} new digests")

    def take(self, file: str, kind: str, source: str, **_: object) -> None:
        """One address or digest a line, or what ``export`` printed."""
        with opened(file) as lines:
            new = known.import_lines(lines, kind=kind, source=source)
        self.stdout.write(f"{new} new digests")

    def remove(self, addresses: list[str], **_: object) -> None:
        self.stdout.write(f"{known.remove(addresses)} digests removed")


@contextmanager
def opened(file: str) -> Iterator[Iterable[str]]:
    if file == "-":
        yield sys.stdin
        return
    with Path(file).open(encoding="utf-8-sig") as lines:
        yield lines
