from django.db import migrations

# As labeling.services.prelabels writes it.
FILL_SQL = """
UPDATE labeling_image SET doubt = found.doubt
FROM (
  SELECT image_id, max(1 - abs(2 * score - 1)) AS doubt
  FROM labeling_prediction GROUP BY image_id
) AS found
WHERE labeling_image.id = found.image_id
"""


class Migration(migrations.Migration):

    dependencies = [
        ("labeling", "0012_image_doubt"),
    ]

    operations = [
        migrations.RunSQL(FILL_SQL, migrations.RunSQL.noop),
    ]
