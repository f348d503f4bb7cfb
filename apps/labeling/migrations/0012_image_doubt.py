from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("labeling", "0011_count_images_by_index"),
    ]

    operations = [
        migrations.AddField(
            model_name="image",
            name="doubt",
            field=models.FloatField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="image",
            index=models.Index(
                condition=models.Q(("copy_of", None), ("doubt__isnull", False)),
                fields=["project", "-doubt", "id"],
                name="image_doubted",
            ),
        ),
    ]
