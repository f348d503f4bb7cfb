"""The statements that freeze a project."""

from apps.labeling.formats.frozen import EXTRAS_SQL, SHAPES_SQL

# After a freezing that was rolled back PostgreSQL takes its tables for empty, and would
# look through all of one for each row of the other.
HASHED_SQL = "SET LOCAL enable_nestloop = off"
UNHASHED_SQL = "SET LOCAL enable_nestloop TO DEFAULT"
ANALYZE_SQL = "ANALYZE labeling_frozenimage, labeling_versionimage"
# Of columns sha256, width, height, name, extras and shapes, which each caller has.
DIGEST_SQL = """sha256(
    convert_to(concat_ws(chr(10), sha256, width, height, name, extras, ''), 'UTF8')
    || shapes
  )"""
# Takes the rows of ``content``. Images whose content is known are only referred to.
ADDED_SQL = """
  INSERT INTO labeling_frozenimage (
    project_id, digest, sha256, name, size_bytes, media_type, shown_sha256,
    shown_media_type, shown_size_bytes, thumbnail_sha256, thumbnail_size_bytes,
    width, height, num_annotations, shapes, extras)
  SELECT project_id, digest, sha256, name, size_bytes, media_type, shown_sha256,
    shown_media_type, shown_size_bytes, thumbnail_sha256, thumbnail_size_bytes,
    width, height, num, shapes, extras
  FROM content
  ON CONFLICT (project_id, digest) DO NOTHING
  RETURNING id, digest
"""
# Of columns digest, split and num: hash, annotations, images of train, val and test.
_TOTALS_SQL = """sha256(coalesce(
    string_agg(digest || convert_to(split, 'UTF8'), ''::bytea ORDER BY digest), '')),
  coalesce(sum(num), 0),
  count(*) FILTER (WHERE split = 'train'), count(*) FILTER (WHERE split = 'val'),
  count(*) FILTER (WHERE split = 'test')"""
# One statement sees one moment, however long it takes.
FREEZE_SQL = f"""
WITH content AS MATERIALIZED (
  SELECT i.*, s.shapes, s.extras, s.num, {DIGEST_SQL} AS digest
  FROM labeling_image i
  CROSS JOIN LATERAL (
    SELECT coalesce({SHAPES_SQL}, '') AS shapes,
           coalesce(({EXTRAS_SQL})::text, '') AS extras, count(*) AS num
    FROM labeling_annotation a WHERE a.image_id = i.id
  ) s
  WHERE i.project_id = %(project_id)s AND i.copy_of_id IS NULL
    AND i.state = ANY(%(states)s)
  ORDER BY i.id
), added AS (
  {ADDED_SQL}
), frozen AS MATERIALIZED (
  SELECT coalesce(added.id, known.id) AS id, c.digest, c.state, c.num,
    CASE WHEN c.split <> '' THEN c.split
         WHEN c.place < %(until_train)s THEN 'train'
         WHEN c.place < %(until_val)s THEN 'val'
         ELSE 'test' END AS split
  FROM (
    SELECT digest, state, num, split,
      ('x' || left(sha256, 8))::bit(32)::bigint * 100 / 4294967296.0 AS place
    FROM content
  ) c
  LEFT JOIN added ON added.digest = c.digest
  LEFT JOIN labeling_frozenimage known
    ON known.project_id = %(project_id)s AND known.digest = c.digest
), placed AS (
  INSERT INTO labeling_versionimage (version_id, image_id, split, state)
  SELECT %(version_id)s, id, split, state FROM frozen
)
SELECT {_TOTALS_SQL}
FROM frozen
"""  # noqa: S608 -- constants only

# What FREEZE_SQL answers, of a version as it is.
TOTALS_SQL = f"""
SELECT {_TOTALS_SQL}
FROM (
  SELECT f.digest, v.split, f.num_annotations AS num
  FROM labeling_versionimage v JOIN labeling_frozenimage f ON f.id = v.image_id
  WHERE v.version_id = %s
) held
"""  # noqa: S608 -- constants only
