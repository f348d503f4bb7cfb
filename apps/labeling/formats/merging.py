"""The statements that merge one dataset version into another.

``ours`` is merged into, ``theirs`` is merged, ``base`` is what both came of. Images are
told apart by their bytes. A version that left out what nobody had finished does not say
that an image it lacks is gone: then ``ours_tells`` or ``theirs_tells`` is false.
"""

from apps.labeling.formats.freezing import ADDED_SQL, DIGEST_SQL

_HELD_SQL = """
  SELECT f.sha256, v.image_id, v.split, v.state
  FROM labeling_versionimage v JOIN labeling_frozenimage f ON f.id = v.image_id
  WHERE v.version_id = %({version})s
"""
PAIRS_SQL = f"""
WITH a AS ({_HELD_SQL.format(version="ours")}),
b AS ({_HELD_SQL.format(version="theirs")}),
o AS ({_HELD_SQL.format(version="base")}),
pairs AS (
  SELECT a.image_id AS ours, b.image_id AS theirs, o.image_id AS base,
    CASE
      WHEN a.image_id = b.image_id THEN 'equal'
      WHEN b.image_id IS NULL AND (o.image_id IS NULL OR NOT %(theirs_tells)s)
        THEN 'only_here'
      WHEN a.image_id IS NULL AND (o.image_id IS NULL OR NOT %(ours_tells)s)
        THEN 'only_there'
      WHEN b.image_id IS NULL AND a.image_id = o.image_id THEN 'removed_there'
      WHEN a.image_id IS NULL AND b.image_id = o.image_id THEN 'removed_here'
      WHEN a.image_id = o.image_id THEN 'changed_there'
      WHEN b.image_id = o.image_id THEN 'changed_here'
      ELSE 'conflict'
    END AS kind,
    a.split AS our_split, b.split AS their_split,
    CASE WHEN a.split = o.split THEN coalesce(b.split, a.split)
         ELSE coalesce(a.split, b.split) END AS split,
    a.state AS our_state, b.state AS their_state,
    CASE WHEN a.state = o.state THEN b.state ELSE a.state END AS state
  FROM a FULL JOIN b USING (sha256) LEFT JOIN o USING (sha256)
)
"""  # noqa: S608 -- constants only
COUNT_SQL = f"""{PAIRS_SQL}
SELECT kind, count(*), count(*) FILTER (WHERE our_split <> their_split),
  count(*) FILTER (WHERE our_split <> split)
FROM pairs GROUP BY kind
"""  # noqa: S608 -- constants only
CONFLICTS_SQL = f"""{PAIRS_SQL}
SELECT p.ours, p.theirs, f.name, g.name, f.shapes, g.shapes, f.extras, g.extras
FROM pairs p
LEFT JOIN labeling_frozenimage f ON f.id = p.ours
LEFT JOIN labeling_frozenimage g ON g.id = p.theirs
WHERE p.kind = 'conflict'
ORDER BY coalesce(f.name, g.name), coalesce(f.id, g.id) LIMIT %(most)s
"""  # noqa: S608 -- constants only
# Of conflicts, those that one side lacks: a union keeps the other's.
PLACE_SQL = f"""{PAIRS_SQL}
INSERT INTO labeling_versionimage (version_id, image_id, split, state)
SELECT %(version)s, image_id, split,
  CASE WHEN kind = 'equal' THEN state
       WHEN image_id = ours THEN our_state ELSE their_state END
FROM (
  SELECT *, CASE
    WHEN kind IN ('equal', 'only_here', 'changed_here') THEN ours
    WHEN kind IN ('only_there', 'changed_there') THEN theirs
    WHEN kind = 'conflict' THEN
      CASE %(side)s WHEN 'ours' THEN ours WHEN 'theirs' THEN theirs
                    ELSE coalesce(ours, theirs) END
  END AS image_id
  FROM pairs
) picked
WHERE image_id IS NOT NULL
  AND NOT (%(side)s = 'union' AND kind = 'conflict'
           AND ours IS NOT NULL AND theirs IS NOT NULL)
"""  # noqa: S608 -- constants only
TO_JOIN_SQL = f"""{PAIRS_SQL}
SELECT p.ours, CASE WHEN f.name = h.name THEN g.name ELSE f.name END, p.split,
  CASE WHEN p.our_state = p.their_state THEN p.our_state ELSE 'in_progress' END,
  f.shapes, f.extras, g.shapes, g.extras, h.shapes, h.extras
FROM pairs p
JOIN labeling_frozenimage f ON f.id = p.ours
JOIN labeling_frozenimage g ON g.id = p.theirs
LEFT JOIN labeling_frozenimage h ON h.id = p.base
WHERE p.kind = 'conflict'
"""  # noqa: S608 -- constants only
JOINED_SQL = """
CREATE TEMPORARY TABLE labeling_joined (
  ours bigint, name text, split text, state text, shapes bytea, extras text, num int
) ON COMMIT DROP
"""
COPY_SQL = (
    "COPY labeling_joined (ours, name, split, state, shapes, extras, num) FROM STDIN"
)
DROP_SQL = "DROP TABLE labeling_joined"
PLACE_JOINED_SQL = f"""
WITH content AS MATERIALIZED (
  SELECT *, {DIGEST_SQL} AS digest
  FROM (
    SELECT f.project_id, f.sha256, j.name, f.size_bytes, f.media_type, f.shown_sha256,
      f.shown_media_type, f.shown_size_bytes, f.thumbnail_sha256,
      f.thumbnail_size_bytes, f.width, f.height, j.num, j.shapes, j.split, j.state,
      coalesce(nullif(j.extras, '')::jsonb::text, '') AS extras
    FROM labeling_joined j JOIN labeling_frozenimage f ON f.id = j.ours
  ) joined
), added AS (
  {ADDED_SQL}
)
INSERT INTO labeling_versionimage (version_id, image_id, split, state)
SELECT %(version)s, coalesce(added.id, known.id), c.split, c.state
FROM content c
LEFT JOIN added ON added.digest = c.digest
LEFT JOIN labeling_frozenimage known
  ON known.project_id = c.project_id AND known.digest = c.digest
"""  # noqa: S608 -- constants only
# Bytes that happen to read as the id keep a label that nothing uses, which is harmless.
USED_SQL = """
SELECT EXISTS (
  SELECT FROM labeling_versionimage v JOIN labeling_frozenimage f ON f.id = v.image_id
  WHERE v.version_id = %s AND position(int8send(%s) IN f.shapes) > 0
)
"""
