from django.db import migrations, models

# What is written on images: words in attributes of their annotations, and remarks. The
# rows are locked first, so that the next statement sees what others wrote meanwhile.
SAY = """
CREATE FUNCTION labeling_say(images bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM labeling_image AS image WHERE image.id = ANY(images)
  ORDER BY image.id FOR NO KEY UPDATE;
  UPDATE labeling_image AS image SET said = found.said
  FROM (
    SELECT one.id, coalesce(string_agg(DISTINCT lower(word.text), E'\\n'), '') AS said
    FROM unnest(images) AS one (id) LEFT JOIN LATERAL (
      SELECT value #>> '{}' FROM labeling_annotation AS annotation,
        jsonb_path_query(annotation.attributes, '$.* ? (@.type() == "string")') AS value
      WHERE annotation.image_id = one.id AND annotation.attributes <> '{}'
      UNION ALL
      SELECT remark.text FROM labeling_remark AS remark WHERE remark.image_id = one.id
    ) AS word (text) ON true
    GROUP BY one.id
  ) AS found
  WHERE image.id = found.id AND image.said <> found.said;
END $$;
"""

# Once a statement, and only where attributes went or changed, or a word came that the
# image does not have. Whoever changes annotations holds their image.
ANNOTATIONS_SAY = """
CREATE FUNCTION labeling_annotations_say() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  images bigint[];
BEGIN
  IF TG_OP = 'INSERT' THEN
    SELECT array_agg(DISTINCT image.id) INTO images
    FROM came JOIN labeling_image AS image ON image.id = came.image_id,
      jsonb_path_query(came.attributes, '$.* ? (@.type() == "string")') AS value
    WHERE came.attributes <> '{}' AND
      strpos(E'\\n' || image.said || E'\\n', E'\\n' || lower(value #>> '{}') || E'\\n') = 0;
  ELSIF TG_OP = 'DELETE' THEN
    SELECT array_agg(DISTINCT image_id) INTO images FROM gone WHERE attributes <> '{}';
  ELSE
    SELECT array_agg(DISTINCT came.image_id) INTO images
    FROM came JOIN gone USING (id) WHERE came.attributes <> gone.attributes;
  END IF;
  IF images IS NOT NULL THEN
    PERFORM labeling_say(images);
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER labeling_came AFTER INSERT ON labeling_annotation
REFERENCING NEW TABLE AS came
FOR EACH STATEMENT EXECUTE FUNCTION labeling_annotations_say();
CREATE TRIGGER labeling_changed AFTER UPDATE ON labeling_annotation
REFERENCING OLD TABLE AS gone NEW TABLE AS came
FOR EACH STATEMENT EXECUTE FUNCTION labeling_annotations_say();
CREATE TRIGGER labeling_gone AFTER DELETE ON labeling_annotation
REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION labeling_annotations_say();
"""

REMARK_SAYS = """
CREATE FUNCTION labeling_remark_says() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM labeling_say(ARRAY[coalesce(NEW.image_id, OLD.image_id)]);
  RETURN NULL;
END $$;

CREATE TRIGGER labeling_said AFTER INSERT OR DELETE OR UPDATE OF text ON labeling_remark
FOR EACH ROW EXECUTE FUNCTION labeling_remark_says();
"""

FORGET = """
DROP TRIGGER labeling_said ON labeling_remark;
DROP TRIGGER labeling_gone ON labeling_annotation;
DROP TRIGGER labeling_changed ON labeling_annotation;
DROP TRIGGER labeling_came ON labeling_annotation;
DROP FUNCTION labeling_remark_says;
DROP FUNCTION labeling_annotations_say;
DROP FUNCTION labeling_say;
"""

FILL = """
SELECT labeling_say(array_agg(id)) FROM (
  SELECT image_id FROM labeling_annotation WHERE attributes <> '{}'
  UNION SELECT image_id FROM labeling_remark
) AS told (id)
"""


class Migration(migrations.Migration):
    dependencies = [("labeling", "0020_version_parents")]
    operations = [
        migrations.AddField(
            model_name="image",
            name="said",
            field=models.TextField(db_default="", default="", editable=False),
        ),
        migrations.RunSQL(SAY + ANNOTATIONS_SAY + REMARK_SAYS, FORGET),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
