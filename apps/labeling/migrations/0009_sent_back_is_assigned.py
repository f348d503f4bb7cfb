from typing import Any

from django.db import migrations
from django.db.models import F


def assign(apps: Any, _schema_editor: Any) -> None:
    """What was sent back waits for whoever submitted it; that is written down now."""
    apps.get_model("labeling", "Image").objects.filter(
        review="sent_back", assignee=None, submitted_by__isnull=False
    ).update(assignee=F("submitted_by"))


class Migration(migrations.Migration):

    dependencies = [
        ("labeling", "0008_shared_images"),
    ]

    operations = [
        migrations.RunPython(assign, migrations.RunPython.noop),
    ]
