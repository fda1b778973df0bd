"""What the broker carries for what flows back from providers: ids, never truth."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from integrations import changes, hooks, hooks_farewell, reconcile

EXPIRES = 600


@shared_task(name="integrations.register_hooks")
def register_hooks() -> int:
    """One task per linked account whose provider does not call us yet, and per
    unlinked one whose provider is to stop."""
    due = hooks.due_linked_accounts()
    for linked_account_id in due:
        register_hooks_of.apply_async([str(linked_account_id)], expires=EXPIRES)
    leaving = hooks_farewell.due_linked_accounts()
    for linked_account_id in leaving:
        say_farewell.apply_async([str(linked_account_id)], expires=EXPIRES)
    return len(due) + len(leaving)


@shared_task(name="integrations.register_hooks_of")
def register_hooks_of(linked_account_id: str) -> int:
    return hooks.register(UUID(linked_account_id))


@shared_task(name="integrations.say_farewell")
def say_farewell(linked_account_id: str) -> bool:
    return hooks_farewell.say(UUID(linked_account_id))


@shared_task(name="integrations.look_for_changes")
def look_for_changes() -> int:
    """One task per linked account that was not looked at for a while."""
    due = changes.due_linked_accounts()
    for linked_account_id in due:
        look_for_changes_of.apply_async([str(linked_account_id)], expires=EXPIRES)
    return len(due)


@shared_task(name="integrations.look_for_changes_of")
def look_for_changes_of(linked_account_id: str) -> int:
    return changes.poll(UUID(linked_account_id)).known


@shared_task(name="integrations.reconcile")
def reconcile_targets() -> int:
    """One task per target that is to be compared with the books, or goes on."""
    due = reconcile.due_targets()
    for target_id in due:
        reconcile_target.apply_async([str(target_id)], expires=EXPIRES)
    return len(due)


@shared_task(name="integrations.reconcile_of")
def reconcile_target(target_id: str) -> bool:
    return reconcile.compare(UUID(target_id))
