from django.db import migrations

# What was measured before models kept it.
NOTE = """
UPDATE marketplace_model m SET time_ms = told.time_ms, speed = CASE
  WHEN told.time_ms <= 10 THEN '10' WHEN told.time_ms <= 50 THEN '50'
  WHEN told.time_ms <= 200 THEN '200' ELSE 'slower' END
FROM (
  SELECT DISTINCT ON (revision_id) revision_id,
    (figures ->> 'time_ms')::double precision AS time_ms
  FROM evaluations_evaluation
  WHERE signature <> '' AND figures ? 'time_ms' ORDER BY revision_id, id DESC
) told
WHERE m.head_id = told.revision_id
"""


class Migration(migrations.Migration):
    dependencies = [("evaluations", "0001_initial"), ("marketplace", "0011_speed")]
    operations = [migrations.RunSQL(NOTE, migrations.RunSQL.noop)]
