from __future__ import annotations

from django.apps import AppConfig


class ActivityConfig(AppConfig):
    name = "activity"

    def ready(self) -> None:
        # The menu is tenancy's, which may not look upward: we hand it the counts.
        from activity.home import nav_counts
        from activity.incident_work import open_count
        from contactsync.tenancy import nav

        for counter in (nav_counts, open_count):
            if counter not in nav.counters:
                nav.counters.append(counter)
