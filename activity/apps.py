from __future__ import annotations

from django.apps import AppConfig


class ActivityConfig(AppConfig):
    name = "activity"

    def ready(self) -> None:
        # The menu is tenancy's, which may not look upward: we hand it the counts.
        from activity.home import nav_counts
        from contactsync.tenancy import nav

        if nav_counts not in nav.counters:
            nav.counters.append(nav_counts)
