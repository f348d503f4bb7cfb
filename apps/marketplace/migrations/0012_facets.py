import django.db.models.expressions
from django.db import migrations, models

MAKE = """
CREATE FUNCTION model_facets(
  task varchar, licence varchar, frameworks varchar[], precisions varchar[],
  library varchar, languages varchar[], gate varchar, speed varchar
) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT jsonb_build_array(
    task, licence, frameworks, precisions, library, languages, gate, speed)::text
$$;
"""
FORGET = "DROP FUNCTION model_facets;"


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0011_speed")]
    operations = [
        migrations.RunSQL(MAKE, FORGET),
        migrations.AddField(
            model_name="model",
            name="facets",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.expressions.Func(
                    "task", "licence", "frameworks", "precisions", "library",
                    "languages", "gate", "speed", function="model_facets",
                ),
                output_field=models.TextField(),
            ),
        ),
    ]
