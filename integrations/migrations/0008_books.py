"""When which rule is live. Rules that are switched on have been since their last
change, as far as anybody can tell."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import contactsync.lib.clock

SEED = """INSERT INTO integrations_liveperiod
    (account_id, rule_id, display_id, target_id, environment, since)
SELECT r.account_id, r.id, r.display_id, r.target_id, l.environment, r.changed_at
FROM displays_syncrule r JOIN integrations_target t ON t.id = r.target_id
JOIN integrations_linkedaccount l ON l.id = t.linked_account_id
WHERE r.enabled AND r.removed_at IS NULL"""


class Migration(migrations.Migration):
    dependencies = [
        ("displays", "0002_hygiene_ground"),
        ("integrations", "0007_bulk"),
    ]

    operations = [
        migrations.CreateModel(
            name="LivePeriod",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                ("rule_id", models.UUIDField()),
                ("display_id", models.UUIDField()),
                ("target_id", models.UUIDField()),
                ("environment", models.CharField(max_length=4)),
                ("since", models.DateTimeField(default=contactsync.lib.clock.now)),
                ("until", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="tenancy.account",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["account", "rule_id"], name="live_period_of_rule"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until", None)),
                        fields=("rule_id",),
                        name="live_period_open_once",
                    )
                ],
            },
        ),
        migrations.RunSQL(SEED, migrations.RunSQL.noop),
    ]
