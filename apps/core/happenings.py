"""What happened in a workspace, for whoever wants to hear of it."""

from typing import Any

from django.dispatch import Signal

# Sent inside the transaction that did it: keywords event, workspace_id, facts.
happened = Signal()


def tell(event: str, *, workspace_id: int | None, **facts: Any) -> None:
    """Say that something happened.

    Args:
        event: What and how, such as "job.done".
        workspace_id: Where; nothing is told of what belongs to none.
        facts: JSON, or what reads well as text.
    """
    if workspace_id is not None:
        happened.send(sender=None, event=event, workspace_id=workspace_id, facts=facts)
