"""What any worker does now and then beside its tasks."""

from django.dispatch import Signal

# Sent every ten minutes by each worker: receivers are quick, may be called at once by
# several, and leave what takes long to a task.
upkeep = Signal()
