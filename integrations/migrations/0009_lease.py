"""Claiming a row changes no indexed column any more, and leases have a table.

Half of each page is kept free, so that the claimed version of a row finds room beside
the one before.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

ROOM = "ALTER TABLE integrations_delivery SET (fillfactor = 45)"
LESS_ROOM = "ALTER TABLE integrations_delivery SET (fillfactor = 80)"


def on_postgres(sql: str) -> Any:
    def run(apps: Any, editor: Any) -> None:
        if editor.connection.vendor == "postgresql":
            editor.execute(sql)

    return run


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0008_books"),
        ("tenancy", "0002_hygiene_ground"),
    ]

    operations = [
        migrations.RunPython(on_postgres(ROOM), on_postgres(LESS_ROOM)),
        migrations.CreateModel(
            name="Lease",
            fields=[
                ("claim_id", models.UUIDField(primary_key=True, serialize=False)),
                ("linked_account_id", models.UUIDField()),
                ("until", models.DateTimeField()),
                ("ids", models.JSONField()),
            ],
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_due",
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_lease",
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_opt_in",
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_held",
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_attention",
        ),
        migrations.RemoveIndex(
            model_name="delivery",
            name="delivery_submitted",
        ),
        migrations.AddField(
            model_name="delivery",
            name="stage",
            field=models.GeneratedField(
                db_persist=True,
                expression=models.Case(
                    models.When(
                        state__in=("pending", "sending"), then=models.Value("open")
                    ),
                    default=models.F("state"),
                ),
                output_field=models.CharField(max_length=16),
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("stage", "open")),
                fields=["linked_account", "due", "id"],
                name="delivery_due",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("stage", "awaiting_opt_in")),
                fields=["linked_account", "due"],
                name="delivery_opt_in",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("stage", "submitted")),
                fields=["linked_account", "due"],
                name="delivery_submitted",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("stage", "held")),
                fields=["linked_account", "id"],
                name="delivery_held",
            ),
        ),
        migrations.AddIndex(
            model_name="delivery",
            index=models.Index(
                condition=models.Q(("stage__in", ("held", "failed", "rejected"))),
                fields=["account", "-id"],
                name="delivery_attention",
            ),
        ),
    ]
