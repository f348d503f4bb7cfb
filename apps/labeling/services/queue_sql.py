"""The queue's statements: people wait for them with every image they finish.

Written out, since writing them anew through the ORM takes ten times as long as the
database does.
"""

from apps.accounts.types import Role

_FREE = """
  SELECT id FROM labeling_image
  WHERE project_id = %(project)s AND copy_of_id IS NULL AND NOT (state = 'submitted')
    AND NOT is_truth AND num_people = 1 AND id <> %(after)s
    AND (assignee_id IS NULL OR held_until <= statement_timestamp())
"""
_FIRST = "ORDER BY urgency DESC, id LIMIT 1 FOR UPDATE SKIP LOCKED"
# What lies with the user; whether anything is shared, where that is asked for; and where
# neither is, the first free image, which becomes hers. What she passes over without
# having begun it is freed. From where she stands to the end, then from the beginning:
# each part is a range of the index ``image_waiting``, and is read only where those
# before it have none.
NEXT_SQL = f"""
WITH let_go AS (
  UPDATE labeling_image SET assignee_id = NULL, held_until = NULL
  WHERE id = %(after)s AND assignee_id = %(user)s AND held_until IS NOT NULL
    AND copy_of_id IS NULL AND revision = 0 AND state <> 'submitted'
), own AS (
  SELECT id FROM labeling_image
  WHERE assignee_id = %(user)s AND project_id = %(project)s AND id <> %(after)s
    AND (held_until IS NULL OR held_until > now()) AND state <> 'submitted'
  ORDER BY (review = 'sent_back') DESC, due_at, urgency DESC, id
  LIMIT 1
), shared AS (
  SELECT %(asks_shared)s AND EXISTS (
    SELECT FROM labeling_image
    WHERE project_id = %(project)s AND (num_people > 1 OR is_truth)
  ) AS has_some
), place AS (
  SELECT urgency, coalesce(copy_of_id, id) AS last FROM labeling_image
  WHERE id = %(after)s AND project_id = %(project)s
), level AS (
  {_FREE} AND urgency = (SELECT urgency FROM place) AND id > (SELECT last FROM place)
  {_FIRST}
), below AS (
  {_FREE} AND urgency < (SELECT urgency FROM place) {_FIRST}
), whole AS (
  {_FREE} {_FIRST}
), given AS (
  UPDATE labeling_image SET assignee_id = %(user)s, held_until = %(until)s
  WHERE id = (
    SELECT id FROM (
      SELECT id FROM level UNION ALL SELECT id FROM below UNION ALL SELECT id FROM whole
    ) AS parts
    WHERE NOT EXISTS (SELECT FROM own) AND NOT (SELECT has_some FROM shared)
    LIMIT 1
  )
  RETURNING id
)
SELECT
  coalesce((SELECT id FROM own), (SELECT id FROM given)),
  (SELECT has_some FROM shared)
"""  # noqa: S608 -- nobody's words are in it

LABELERS = [role.value for role in Role if role.allows(Role.ANNOTATOR)]
REVIEWERS = [role.value for role in Role if role.allows(Role.REVIEWER)]
# Hands an image in, or takes it back, where the rules of ``access_image`` let the user.
_HAND_IN = """
UPDATE labeling_image AS image SET review = '', updated_at = %(now)s, {changes}
FROM labeling_project AS project
JOIN accounts_membership AS member
  ON member.workspace_id = project.workspace_id AND member.user_id = %(user)s
WHERE image.id = %(image)s AND project.id = image.project_id
  AND project.archived_at IS NULL AND member.role = ANY(%(labelers)s)
  AND (
    member.role = ANY(%(reviewers)s)
    OR CASE WHEN image.copy_of_id IS NULL
      THEN NOT image.is_truth AND (image.num_people = 1 OR image.state = 'submitted')
      ELSE image.assignee_id = %(user)s END
  )
RETURNING image.id, image.project_id, image.copy_of_id, image.state, project.workspace_id
"""
SUBMIT_SQL = _HAND_IN.format(
    changes="state = 'submitted', submitted_at = %(now)s, submitted_by_id = %(user)s"
)
REOPEN_SQL = _HAND_IN.format(
    changes="state = CASE WHEN num_annotations > 0 THEN 'in_progress' "
    "ELSE 'unlabeled' END, submitted_at = NULL, submitted_by_id = NULL"
)
