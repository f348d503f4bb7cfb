"""The queue's two statements: people wait for them with every image they finish.

Written out, since writing them anew through the ORM takes ten times as long as the
database does.
"""

# What lies with the user, whether anything is shared, and where she stands; what she
# passes over without having begun it is freed.
STANDING_SQL = """
WITH let_go AS (
  UPDATE labeling_image SET assignee_id = NULL, held_until = NULL
  WHERE id = %(after)s AND assignee_id = %(user)s AND held_until IS NOT NULL
    AND copy_of_id IS NULL AND revision = 0 AND state <> 'submitted'
)
SELECT
  (
    SELECT id FROM labeling_image
    WHERE assignee_id = %(user)s AND project_id = %(project)s AND id <> %(after)s
      AND (held_until IS NULL OR held_until > now()) AND state <> 'submitted'
    ORDER BY (review = 'sent_back') DESC, due_at, urgency DESC, id
    LIMIT 1
  ),
  EXISTS (
    SELECT FROM labeling_image
    WHERE project_id = %(project)s AND (num_people > 1 OR is_truth)
  ),
  last.urgency,
  coalesce(last.copy_of_id, last.id)
FROM (SELECT) AS one
LEFT JOIN labeling_image AS last
  ON last.id = %(after)s AND last.project_id = %(project)s
"""

_FREE = """
  SELECT id FROM labeling_image
  WHERE project_id = %(project)s AND copy_of_id IS NULL AND NOT (state = 'submitted')
    AND NOT is_truth AND num_people = 1 AND id <> %(after)s
    AND (assignee_id IS NULL OR held_until <= statement_timestamp())
"""
_FIRST = "ORDER BY urgency DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
# From where the user stands to the end, then from the beginning: each part is a range
# of the index ``image_waiting``, and is read only where those before it have none.
FROM_QUEUE_SQL = f"""
WITH level AS ({_FREE} AND urgency = %(urgency)s AND id > %(last)s {_FIRST}),
  below AS ({_FREE} AND urgency < %(urgency)s {_FIRST}),
  whole AS ({_FREE} {_FIRST})
UPDATE labeling_image SET assignee_id = %(user)s, held_until = %(until)s
WHERE id = (
  SELECT id FROM (
    SELECT id FROM level UNION ALL SELECT id FROM below UNION ALL SELECT id FROM whole
  ) AS parts
  LIMIT 1
)
RETURNING id
"""  # noqa: S608 -- nobody's words are in it
