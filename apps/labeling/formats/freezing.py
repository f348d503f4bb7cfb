"""The statements that freeze a project."""

from apps.labeling.formats.frozen import EXTRAS_SQL, SHAPES_SQL

# One statement sees one moment, however long it takes. Images whose content is known
# from an earlier version are only referred to.
FREEZE_SQL = f"""
WITH content AS MATERIALIZED (
  SELECT i.*, coalesce(s.shapes, '') AS shapes, coalesce(s.extras::text, '') AS extras,
         s.num AS num
  FROM labeling_image i
  CROSS JOIN LATERAL (
    SELECT {SHAPES_SQL} AS shapes, {EXTRAS_SQL} AS extras, count(*) AS num
    FROM labeling_annotation a WHERE a.image_id = i.id
  ) s
  WHERE i.project_id = %(project_id)s AND i.copy_of_id IS NULL
    AND i.state = ANY(%(states)s)
), digested AS MATERIALIZED (
  SELECT *, sha256(
    convert_to(concat_ws(chr(10), sha256, width, height, name, extras, ''), 'UTF8')
    || shapes
  ) AS digest
  FROM content
), added AS (
  INSERT INTO labeling_frozenimage (
    project_id, digest, sha256, name, size_bytes, media_type, shown_sha256,
    shown_media_type, shown_size_bytes, thumbnail_sha256, thumbnail_size_bytes,
    width, height, num_annotations, shapes, extras)
  SELECT project_id, digest, sha256, name, size_bytes, media_type, shown_sha256,
    shown_media_type, shown_size_bytes, thumbnail_sha256, thumbnail_size_bytes,
    width, height, num, shapes, extras
  FROM digested ORDER BY id
  ON CONFLICT (project_id, digest) DO NOTHING
  RETURNING id, digest
)
INSERT INTO labeling_versionimage (version_id, image_id, split, state)
SELECT %(version_id)s, coalesce(added.id, known.id),
  CASE WHEN d.split <> '' THEN d.split
       WHEN d.place < %(until_train)s THEN 'train'
       WHEN d.place < %(until_val)s THEN 'val'
       ELSE 'test' END,
  d.state
FROM (
  SELECT *, ('x' || left(sha256, 8))::bit(32)::bigint * 100 / 4294967296.0 AS place
  FROM digested
) d
LEFT JOIN added ON added.digest = d.digest
LEFT JOIN labeling_frozenimage known
  ON known.project_id = %(project_id)s AND known.digest = d.digest
"""  # noqa: S608 -- constants only

COUNT_SQL = """
SELECT v.split, count(*), coalesce(sum(f.num_annotations), 0)
FROM labeling_versionimage v JOIN labeling_frozenimage f ON f.id = v.image_id
WHERE v.version_id = %s GROUP BY v.split
"""
HASH_SQL = """
SELECT sha256(coalesce(
  string_agg(f.digest || convert_to(v.split, 'UTF8'), ''::bytea ORDER BY f.digest), ''))
FROM labeling_versionimage v JOIN labeling_frozenimage f ON f.id = v.image_id
WHERE v.version_id = %s
"""
