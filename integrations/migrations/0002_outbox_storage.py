"""Room for updates in place, and early vacuuming: the outbox is updated all the time.

Without it, claims get slower with every row that was ever drained.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

SET = """ALTER TABLE integrations_delivery SET (fillfactor = 80,
    autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05)"""
RESET = """ALTER TABLE integrations_delivery RESET (fillfactor,
    autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor)"""


def on_postgres(sql: str) -> Any:
    def run(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [("integrations", "0001_initial")]

    operations = [migrations.RunPython(on_postgres(SET), on_postgres(RESET))]
