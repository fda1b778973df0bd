"""What end to end is compared with: a task and an HTTP call for each signup.

Written as most projects do it: load the row, ``requests.post``, save the row, and let
Celery try again when the call fails.
"""

from __future__ import annotations

import os

import requests
from celery import shared_task
from django.utils import timezone

from bench.models import PlainSignup

QUEUE = "bench"
KEY = "0123456789abcdef0123456789abcdef-us21"


@shared_task(
    name="bench.send_signup",
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    max_retries=5,
)
def send_signup(signup_id: int) -> None:
    signup = PlainSignup.objects.get(pk=signup_id)
    response = requests.post(
        f"{os.environ['BENCH_PROVIDER']}/3.0/lists/plain/members",
        json={
            "email_address": signup.email,
            "status": "subscribed",
            "merge_fields": {"FNAME": signup.first_name, "LNAME": signup.last_name},
        },
        auth=("contactsync", KEY),
        timeout=30,
    )
    response.raise_for_status()
    signup.status = "synced"
    signup.remote_id = response.json()["id"]
    signup.synced_at = timezone.now()
    signup.save()
