from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from contactsync.lib import crypto
from integrations.models import LinkedAccount


class Command(BaseCommand):
    help = (
        "Seal all stored credentials with the first key of CREDENTIAL_KEYS. Put the "
        "new key in front, run this, then take the old key away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        rotated = failed = 0
        waiting = LinkedAccount.objects.filter(removed_at=None).exclude(sealed="")
        for linked in waiting.iterator():
            if not crypto.needs_rotation(linked.sealed):
                continue
            before = linked.sealed
            try:
                linked.set_credentials(linked.get_credentials())
            except crypto.SealError as error:
                failed += 1
                self.stderr.write(f"linked account {linked.pk}: {error}")
                continue
            # Somebody may reconnect at this moment: their new credentials win.
            rotated += LinkedAccount.objects.filter(pk=linked.pk, sealed=before).update(
                sealed=linked.sealed
            )
        self.stdout.write(f"{rotated} sealed anew, {failed} could not be opened")
        if failed:
            raise CommandError("Keep the old keys until every account can be opened.")
