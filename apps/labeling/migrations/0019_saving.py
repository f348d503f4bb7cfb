from django.db import migrations, models

# What decides whether somebody's batch of operations may be applied to an image; all
# NULL where there is none for her. Columns stand in the order of the model's fields.
FIND = """
CREATE FUNCTION labeling_find_image(
  for_image bigint, for_user bigint, batch text,
  OUT id bigint, OUT width integer, OUT height integer, OUT state text,
  OUT revision integer, OUT copy_of_id bigint, OUT num_people smallint,
  OUT is_truth boolean, OUT assignee_id bigint,
  OUT role text, OUT kinds_of jsonb, OUT was_applied boolean
) LANGUAGE plpgsql STABLE AS $$
BEGIN
  SELECT
    image.id, image.width, image.height, image.state, image.revision,
    image.copy_of_id, image.num_people, image.is_truth, image.assignee_id, member.role,
    (
      SELECT jsonb_object_agg(label.id, label.kinds) FROM labeling_label AS label
      WHERE label.project_id = image.project_id
    ),
    EXISTS (
      SELECT FROM labeling_operationlog AS log
      WHERE log.image_id = image.id AND log.key = batch
    )
  INTO
    id, width, height, state, revision,
    copy_of_id, num_people, is_truth, assignee_id, role, kinds_of, was_applied
  FROM labeling_image AS image
  JOIN labeling_project AS project
    ON project.id = image.project_id AND project.archived_at IS NULL
  JOIN accounts_membership AS member
    ON member.workspace_id = project.workspace_id AND member.user_id = for_user
  WHERE image.id = for_image;
END $$;
"""

# What a batch removes and puts, its place in the log, and the image's next state: all of
# it where the image is still at the revision that was seen, else nothing, and false.
# Whoever changes annotations holds their image, so what comes and goes here is what its
# count moves by. What was accepted is no longer there; who draws keeps the image longer.
SAVE = """
CREATE FUNCTION labeling_save(
  to_image bigint, seen integer, by_user bigint, batch text, said jsonb,
  removed uuid[], places integer[], geometries bytea[],
  moment timestamptz, until timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  num_new bigint := 0;
  num_gone bigint := 0;
BEGIN
  PERFORM FROM labeling_image AS image
  WHERE image.id = to_image AND image.revision = seen
  FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;

  IF removed <> '{}' THEN
    DELETE FROM labeling_annotation AS annotation
    WHERE annotation.image_id = to_image AND annotation.uid = ANY(removed);
    GET DIAGNOSTICS num_gone = ROW_COUNT;
  END IF;

  IF places <> '{}' THEN
    WITH put AS (
      INSERT INTO labeling_annotation (
        image_id, uid, label_id, kind, packed, source, score, attributes, is_occluded,
        is_truncated, "group", layer, x1, y1, x2, y2,
        created_by_id, updated_by_id, created_at, updated_at
      )
      SELECT
        to_image, shape.id, shape.label_id, shape.kind, last.packed, shape.source,
        shape.score, shape.attributes, shape.is_occluded, shape.is_truncated,
        shape."group", shape.layer,
        shape.bbox[1], shape.bbox[2], shape.bbox[3], shape.bbox[4],
        by_user, by_user, moment, moment
      FROM unnest(places, geometries) AS last (place, packed),
        jsonb_to_record(said -> last.place -> 'shape') AS shape (
          id uuid, label_id bigint, kind text, bbox float8[], source text, score float8,
          attributes jsonb, is_occluded boolean, is_truncated boolean, "group" uuid,
          layer smallint
        )
      ON CONFLICT (image_id, uid) DO UPDATE SET
        label_id = EXCLUDED.label_id, kind = EXCLUDED.kind, packed = EXCLUDED.packed,
        source = EXCLUDED.source, score = EXCLUDED.score,
        attributes = EXCLUDED.attributes, is_occluded = EXCLUDED.is_occluded,
        is_truncated = EXCLUDED.is_truncated, "group" = EXCLUDED."group",
        layer = EXCLUDED.layer, x1 = EXCLUDED.x1, y1 = EXCLUDED.y1, x2 = EXCLUDED.x2,
        y2 = EXCLUDED.y2, updated_by_id = EXCLUDED.updated_by_id,
        updated_at = EXCLUDED.updated_at
      RETURNING xmax = 0 AS is_new  -- one that was there has been locked first
    )
    SELECT count(*) FILTER (WHERE put.is_new) INTO num_new FROM put;
  END IF;

  INSERT INTO labeling_operationlog (image_id, revision, key, user_id, operations, at)
  VALUES (to_image, seen + 1, batch, by_user, said, moment);

  UPDATE labeling_image AS image SET
    revision = seen + 1,
    num_annotations = image.num_annotations + num_new - num_gone,
    state = CASE
      WHEN image.state = 'unlabeled' AND image.num_annotations + num_new > num_gone
      THEN 'in_progress' ELSE image.state END,
    review = CASE WHEN image.review = 'accepted' THEN '' ELSE image.review END,
    held_until = CASE
      WHEN image.assignee_id = by_user AND image.held_until IS NOT NULL
      THEN until ELSE image.held_until END,
    updated_at = moment
  WHERE image.id = to_image;
  RETURN true;
END $$;
"""
FORGET = "DROP FUNCTION labeling_save; DROP FUNCTION labeling_find_image;"


class Migration(migrations.Migration):
    dependencies = [("labeling", "0018_boxes_by_label")]
    operations = [
        migrations.AddField(
            model_name="label",
            name="kinds",
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.RunSQL(FIND + SAVE, FORGET),
    ]
