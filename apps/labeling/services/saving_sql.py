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
  (
    SELECT log.revision FROM labeling_operationlog AS log
    WHERE log.image_id = image.id AND log.key = %(key)s
  ) AS applied
FROM labeling_image AS image
JOIN labeling_project AS project
  ON project.id = image.project_id AND project.archived_at IS NULL
JOIN accounts_membership AS member
  ON member.workspace_id = project.workspace_id AND member.user_id = %(user)s
WHERE image.id = %(image)s
FOR UPDATE OF image
"""

# What was accepted is no longer there; who draws keeps the image for longer.
SETTLE_SQL = """
UPDATE labeling_image SET
  revision = %(revision)s,
  num_annotations = now_there.num,
  state = CASE WHEN state = 'unlabeled' AND now_there.num > 0
    THEN 'in_progress' ELSE state END,
  review = CASE WHEN review = 'accepted' THEN '' ELSE review END,
  held_until = CASE WHEN assignee_id = %(user)s AND held_until IS NOT NULL
    THEN %(until)s ELSE held_until END,
  updated_at = %(now)s
FROM (
  SELECT count(*) AS num FROM labeling_annotation WHERE image_id = %(image)s
) AS now_there
WHERE id = %(image)s
"""
