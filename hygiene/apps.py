from __future__ import annotations

from django.apps import AppConfig


class HygieneConfig(AppConfig):
    name = "hygiene"
    verbose_name = "Email hygiene"

    def ready(self) -> None:
        from hygiene.watch import start  # needs the models, which are ready only now

        start()
