from __future__ import annotations

from django.db import models


class Row(models.Model):
    """What the minimal view inserts."""

    email = models.CharField(max_length=320)
    fields = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        managed = False
        db_table = "bench_row"

    def __str__(self) -> str:
        return self.email
