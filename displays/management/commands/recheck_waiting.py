"""``manage.py recheck_waiting``: judge what still waits by newer lists."""

from __future__ import annotations

from django.core.management.base import BaseCommand

from displays.withdrawals import recheck
from hygiene import releases
from hygiene.watch import wide


class Command(BaseCommand):
    help = (
        "Judge accepted signups of which nothing was sent yet by the lists now in use, "
        "and withdraw those whose address is disposable. What a provider has is left."
    )

    def handle(self, *args: object, **options: object) -> None:
        done = recheck(releases.load(wide()).facts)
        self.stdout.write(
            f"{done.judged} waiting signups judged anew, {done.withdrawn} withdrawn"
        )
