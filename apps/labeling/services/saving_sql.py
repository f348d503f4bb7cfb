"""The two statements around a saved batch: a hand waits for them after each gesture.

Written out, since writing them anew through the ORM takes ten times as long as the
database does.
"""

# The image, locked; with it what decides whether the batch may be applied.
LOCK_SQL = """
SELECT
  image.id, image.project_id, image.width, image.height, image.state, image.revision,
  image.assignee_id, image.copy_of_id, image.is_truth, image.num_people,
  member.role AS role,
  ARRAY(SELECT id FROM labeling_label WHERE project_id = image.project_id) AS label_ids,
  EXISTS (
    SELECT FROM labeling_operationlog AS log
    WHERE log.image_id = image.id AND log.key = %(key)s
  ) AS was_applied
FROM labeling_image AS image
JOIN labeling_project AS project
  ON project.id = image.project_id AND project.archived_at IS NULL
JOIN accounts_membership AS member
  ON member.workspace_id = project.workspace_id AND member.user_id = %(user)s
WHERE image.id = %(image)s
FOR UPDATE OF image
"""

# What a batch removes and puts, its place in the log, and the image's next state. No
# part sees what another writes, so what was touched is counted apart. What was accepted
# is no longer there; who draws keeps the image for longer.
WRITE_SQL = """
WITH removed AS (
  DELETE FROM labeling_annotation
  WHERE image_id = %(image)s AND uid = ANY(%(removed)s::uuid[])
), put AS (
  INSERT INTO labeling_annotation (
    image_id, uid, label_id, kind, packed, source, score, attributes, is_occluded,
    is_truncated, "group", layer, x1, y1, x2, y2,
    created_by_id, updated_by_id, created_at, updated_at
  )
  SELECT
    %(image)s, uid, label_id, kind, packed, source, score, attributes::jsonb,
    is_occluded, is_truncated, "group", layer, x1, y1, x2, y2,
    %(user)s, %(user)s, %(now)s, %(now)s
  FROM unnest(
    %(uid)s::uuid[], %(label)s::bigint[], %(kind)s::text[], %(packed)s::bytea[],
    %(source)s::text[], %(score)s::float8[], %(attributes)s::text[],
    %(is_occluded)s::boolean[], %(is_truncated)s::boolean[], %(group)s::uuid[],
    %(layer)s::smallint[], %(x1)s::float8[], %(y1)s::float8[], %(x2)s::float8[],
    %(y2)s::float8[]
  ) AS said (
    uid, label_id, kind, packed, source, score, attributes, is_occluded, is_truncated,
    "group", layer, x1, y1, x2, y2
  )
  ON CONFLICT (image_id, uid) DO UPDATE SET
    label_id = EXCLUDED.label_id, kind = EXCLUDED.kind, packed = EXCLUDED.packed,
    source = EXCLUDED.source, score = EXCLUDED.score, attributes = EXCLUDED.attributes,
    is_occluded = EXCLUDED.is_occluded, is_truncated = EXCLUDED.is_truncated,
    "group" = EXCLUDED."group", layer = EXCLUDED.layer,
    x1 = EXCLUDED.x1, y1 = EXCLUDED.y1, x2 = EXCLUDED.x2, y2 = EXCLUDED.y2,
    updated_by_id = EXCLUDED.updated_by_id, updated_at = EXCLUDED.updated_at
), logged AS (
  INSERT INTO labeling_operationlog (image_id, revision, key, user_id, operations, at)
  VALUES (
    %(image)s, %(revision)s, %(key)s, %(user)s, %(operations)s::jsonb, %(now)s
  )
)
UPDATE labeling_image SET
  revision = %(revision)s,
  num_annotations = there.num,
  state = CASE WHEN state = 'unlabeled' AND there.num > 0
    THEN 'in_progress' ELSE state END,
  review = CASE WHEN review = 'accepted' THEN '' ELSE review END,
  held_until = CASE WHEN assignee_id = %(user)s AND held_until IS NOT NULL
    THEN %(until)s ELSE held_until END,
  updated_at = %(now)s
FROM (
  SELECT %(num_put)s + count(*) AS num FROM labeling_annotation
  WHERE image_id = %(image)s AND uid <> ALL(%(touched)s::uuid[])
) AS there
WHERE id = %(image)s
"""
