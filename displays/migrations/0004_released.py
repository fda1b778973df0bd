"""When a rejected signup was accepted after all: the books go by the rules of then."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("displays", "0003_confirmation")]

    operations = [
        migrations.AddField(
            model_name="signup",
            name="released_at",
            field=models.DateTimeField(null=True),
        ),
    ]
