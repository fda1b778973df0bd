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


class PlainSignup(models.Model):
    """What the task-per-signup of ``bench.baseline`` loads and saves."""

    email = models.CharField(max_length=320)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    status = models.CharField(max_length=16, default="pending")
    remote_id = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    synced_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "bench_plain_signup"

    def __str__(self) -> str:
        return self.email
