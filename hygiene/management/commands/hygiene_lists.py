"""``manage.py hygiene_lists``: which lists of domains are in use, which version."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from contactsync.lib.clock import now
from hygiene import releases
from hygiene.facts import read_sieve
from hygiene.known import STAMP
from hygiene.lists import OLD_DAYS, WIDE, ListRefused, Loaded, RawList, sane
from hygiene.lists import entries_text as text_of
from hygiene.models import ListRelease
from hygiene.releases import sha256
from hygiene.watch import wide

SAMPLE = 10


class Command(BaseCommand):
    help = "Show, compare, update, pin and roll back the lists of disposable domains."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("show", help="every list: version, size, age, what is in use")
        update = what.add_parser("update", help="take in what is installed, or a file")
        update.add_argument("names", nargs="*", metavar="NAME")
        update.add_argument("--file", type=Path, help="one domain a line")
        update.add_argument("--name", help="the list that the file is a version of")
        update.add_argument("--number", metavar="VERSION", help="the file's version")
        update.add_argument("--released", metavar="YYYY-MM-DD", help="when it was made")
        update.add_argument("--force", action="store_true", help="despite what is new")
        update.add_argument(
            "--recheck",
            action="store_true",
            help="withdraw waiting signups that are disposable now",
        )
        diff = what.add_parser("diff", help="what another version adds and takes away")
        diff.add_argument("name", nargs="?", metavar="NAME")
        diff.add_argument("versions", nargs="*", metavar="VERSION")
        diff.add_argument("--full", action="store_true", help="every domain")
        for verb, about in (
            ("pin", "keep a list at a version, whatever is installed"),
            ("unpin", "let updates replace it again"),
            ("rollback", "go back to the release before, and pin it"),
        ):
            one = what.add_parser(verb, help=about)
            one.add_argument("name", metavar="NAME")
            if verb == "pin":
                one.add_argument("number", nargs="?", metavar="VERSION", default="")

    def handle(self, *args: object, **options: object) -> None:
        verbs: dict[str, Callable[..., None]] = {
            "show": self.show,
            "update": self.update,
            "diff": self.diff,
            "pin": self.pin,
            "unpin": self.unpin,
            "rollback": self.rollback,
        }
        try:
            verbs[str(options["what"])](**options)
        except ListRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    # show ---------------------------------------------------------------------------

    def show(self, **_: object) -> None:
        sieve = read_sieve()
        in_use = {
            row.name: row
            for row in ListRelease.objects.filter(active=True).exclude(name=STAMP)
        }
        for name in [*releases.NAMES, *sorted(in_use.keys() - set(releases.NAMES))]:
            row = in_use.get(name)
            try:
                package = releases.packaged_list(name)
            except ListRefused as refusal:
                package = None
                note = str(refusal)
            if row is None and package is None:
                self.stdout.write(note)
                continue
            try:
                raw = as_raw(row) if row else package
            except ListRefused as refusal:
                self.stdout.write(str(refusal))
                continue
            assert raw is not None
            names = sane(raw.source, raw.domains)
            self.stdout.write(
                f"{raw.name} {raw.version}  sha256 {sha256(text_of(names))[:16]}  "
                f"{len(names)} domains, {len(sieve.sift(names)[2])} left out  "
                f"{aged(raw)}  {standing(row)}"
            )
            if row and package and package.version != row.version:
                self.stdout.write(
                    f"  installed is {package.version}: manage.py hygiene_lists update"
                )
            others = ListRelease.objects.filter(name=name, active=False)
            if kept := ", ".join(map(str, others.defer("entries").order_by("pk"))):
                self.stdout.write(f"  kept beside it: {kept}")
            if name in WIDE and not wide():
                self.stdout.write("  not loaded: HYGIENE_WIDE is off")

    # update -------------------------------------------------------------------------

    def update(
        self,
        names: list[str],
        file: Path | None,
        force: bool,
        recheck: bool,
        **options: Any,
    ) -> None:
        if file is not None:
            wanted = [read_file(file, **options)]
        else:
            wanted = list(self.packages(names))
        refused = []
        for raw in wanted:
            try:
                taken = releases.take_in(raw, force=force)
            except ListRefused as refusal:
                refused.append(str(refusal))
                continue
            row = taken.release
            what = "taken in" if taken.created else "known already"
            self.stdout.write(
                f"{row}: {what}, {row.count} domains, "
                f"{'in use' if taken.active else 'NOT in use: the list is pinned'}"
            )
        if recheck:
            call_command("recheck_waiting", stdout=self.stdout)
        if refused:
            raise CommandError("\n".join(refused))

    def packages(self, names: list[str]) -> Iterable[RawList]:
        for name in names or releases.NAMES:
            try:
                yield releases.packaged_list(name)
            except ListRefused as refusal:
                if names or name not in WIDE:
                    raise
                self.stdout.write(f"{refusal}; left out")

    # diff ---------------------------------------------------------------------------

    def diff(
        self, name: str | None, versions: list[str], full: bool, **_: object
    ) -> None:
        if len(versions) > 2:
            raise CommandError("Give two versions at most.")
        for each in [name] if name else releases.NAMES:
            if not (name or releases.baseline(each)):
                continue  # not installed
            a, b = pair(each, versions)
            added, gone = b[1] - a[1], a[1] - b[1]
            self.stdout.write(
                f"{each}: {a[0]} -> {b[0]}: {len(added)} added, {len(gone)} removed"
            )
            for sign, domains in (("+", added), ("-", gone)):
                ordered = sorted(domains)
                for domain in ordered if full else ordered[:SAMPLE]:
                    self.stdout.write(f"  {sign} {domain}")
                if not full and len(ordered) > SAMPLE:
                    self.stdout.write(f"  {sign} ... {len(ordered) - SAMPLE} more")

    # pin, unpin, rollback -----------------------------------------------------------

    def pin(self, name: str, number: str, **_: object) -> None:
        self.stdout.write(f"{releases.pin(name, number)} is pinned")

    def unpin(self, name: str, **_: object) -> None:
        row = releases.unpin(name)
        self.stdout.write(f"{row} stays in use until the next update")

    def rollback(self, name: str, **_: object) -> None:
        self.stdout.write(f"{releases.rollback(name)} is in use again, and pinned")


def as_raw(row: ListRelease) -> RawList:
    return RawList(
        row.name,
        row.version,
        releases.entries_of(row),
        row.released_on,
        row.loaded_at.date(),
        row.sha256,
    )


def aged(raw: RawList) -> str:
    """Like ``13 days old``, with the warning that ``/readyz`` shows."""
    loaded = Loaded(raw.name, raw.version, 0, 0, raw.released_on, raw.seen_on)
    days = loaded.age_days(now().date())
    if days is None:
        return "of unknown age"
    least = "" if raw.released_on else "at least "
    return f"{least}{days} days old" + (" (OLD)" if days >= OLD_DAYS else "")


def standing(row: ListRelease | None) -> str:
    if row is None:
        return "in use, from the installed package"
    return "in use, pinned" if row.pinned else "in use"


def pair(
    name: str, versions: list[str]
) -> tuple[tuple[str, set[str]], tuple[str, set[str]]]:
    """The two versions to compare, each with its entries.

    Without any: what is in use and what is installed, for an own list the release
    before and what is in use; with one: that and what is in use.
    """
    if len(versions) == 2:
        a, b = (releases.find(name, version) for version in versions)
        return (a.version, releases.entries_of(a)), (b.version, releases.entries_of(b))
    in_use = ("in use", releases.baseline(name))
    if versions:
        a = releases.find(name, versions[0])
        return (a.version, releases.entries_of(a)), in_use
    if name not in releases.NAMES:
        before = releases.earlier(releases.find(name))
        return (before.version, releases.entries_of(before)), in_use
    raw = releases.packaged_list(name)
    return in_use, (f"{raw.version} installed", sane(raw.source, raw.domains))


def read_file(
    file: Path,
    name: str | None = None,
    number: str | None = None,
    released: str | None = None,
    **_: object,
) -> RawList:
    """A list from a file. Raises ``CommandError``."""
    if not name or not number:
        raise CommandError("--file needs --name and --number.")
    if set(f"{name}{number}") & set(":@ ") or name == STAMP:
        raise CommandError("A name or version holds no colon, at sign or space.")
    try:
        made = date.fromisoformat(released) if released else None
        text = file.read_text(encoding="utf-8-sig")
        seen = datetime.fromtimestamp(file.stat().st_mtime, UTC).date()
    except (OSError, ValueError) as error:
        raise CommandError(f"{file}: {error}") from error
    return RawList(name, number, text.splitlines(), made, seen)
