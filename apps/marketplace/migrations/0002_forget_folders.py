"""Packaged models were rows that named folders; they are registered anew as commits."""

from django.contrib.postgres.operations import TrigramExtension
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [("marketplace", "0001_initial")]

    operations = [
        migrations.DeleteModel(name="ModelRevision"),
        migrations.DeleteModel(name="Model"),
        TrigramExtension(),
    ]
