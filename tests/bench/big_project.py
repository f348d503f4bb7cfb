"""A project of 100,000 images and 1,000,000 boxes, filled past the API.

A model has looked at a tenth of the images. All boxes say something, and a hundredth of
the images has a remark.
"""

import os
import time
from typing import Any

import httpx
import psycopg

from tests.running import Running

NUM_IMAGES = int(os.environ.get("BENCH_IMAGES", "100000"))
NUM_BOXES = 10  # an image
IMAGES_SQL = """
INSERT INTO labeling_image (
  project_id, name, sha256, size_bytes, media_type, shown_sha256, shown_media_type,
  shown_size_bytes, thumbnail_sha256, thumbnail_size_bytes, width, height, state,
  review, split, revision, num_annotations, num_predictions, created_by_id,
  created_at, updated_at, doubt)
SELECT %(project)s, 'line-' || n %% 20 || '-' || lpad(n::text, 6, '0') || '.jpg',
  encode(sha256(n::text::bytea), 'hex'), 1000, 'image/jpeg',
  encode(sha256(n::text::bytea), 'hex'), 'image/jpeg', 1000,
  encode(sha256(n::text::bytea), 'hex'), 1000, 1920, 1080,
  CASE WHEN n %% 2 = 0 THEN 'submitted' ELSE 'unlabeled' END,
  CASE WHEN n %% 10 = 0 THEN 'accepted' ELSE '' END, '', 1, %(boxes)s, 0, %(user)s,
  now(), now(), CASE WHEN n %% 10 = 1 THEN (n %% 1000) / 1000.0 END
FROM generate_series(1, %(images)s) n
"""
BOXES_SQL = """
INSERT INTO labeling_annotation (
  image_id, uid, label_id, kind, packed, source, attributes, is_occluded, is_truncated,
  layer, created_by_id, updated_by_id, created_at, updated_at, x1, y1, x2, y2)
SELECT i.id, gen_random_uuid(), %(label)s, 'box', '', 'human',
  jsonb_build_object('colour', (ARRAY['red', 'green', 'blue'])[1 + (i.id + b) %% 3],
    'note', '检查 ' || i.id %% 1000 || ', seen from the left'), false, false, 0,
  %(user)s, %(user)s, now(), now(), 100 * b, 50, 100 * b + 80, 150
FROM labeling_image i, generate_series(0, %(boxes)s - 1) b
WHERE i.project_id = %(project)s
"""
REMARKS_SQL = """
INSERT INTO labeling_remark (image_id, author_id, text, created_at, updated_at)
SELECT id, %(user)s, 'The 裂纹 goes on to the edge.', now(), now()
FROM labeling_image WHERE project_id = %(project)s AND id %% 100 = 0
"""
PROPOSALS_SQL = """
INSERT INTO labeling_prediction (
  image_id, uid, label_id, kind, score, model, job_id, x1, y1, x2, y2)
SELECT id, gen_random_uuid(), %(label)s, 'box', doubt / 2, 'm', gen_random_uuid(),
  100, 50, 180, 150
FROM labeling_image WHERE project_id = %(project)s AND doubt IS NOT NULL
"""


def fill(running: Running, client: httpx.Client) -> int:
    workspace = client.get("/api/v1/accounts/workspaces/").json()["results"][0]["id"]
    body = {"workspace_id": workspace, "name": "Big", "labels": ["car"]}
    made = client.post("/api/v1/labeling/projects/", json=body).json()
    path = f"/api/v1/labeling/projects/{made['id']}/labels/"
    given = {
        "project": made["id"],
        "label": client.get(path).json()[0]["id"],
        "images": NUM_IMAGES,
        "boxes": NUM_BOXES,
    }
    with database(running) as connection:
        row = connection.execute("SELECT min(id) FROM accounts_user").fetchone()
        assert row is not None
        for statement in (IMAGES_SQL, BOXES_SQL, REMARKS_SQL, PROPOSALS_SQL):
            connection.execute(statement, {**given, "user": row[0]})
        connection.execute(
            "VACUUM ANALYZE labeling_image, labeling_annotation, labeling_prediction"
        )
    return int(made["id"])


def database(running: Running) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(running.state.database_url, autocommit=True)


def job_s(client: httpx.Client, path: str, **given: Any) -> float:
    """How long a job took from being asked for."""
    began = time.monotonic()
    answer = client.post(path, **given)
    answer.raise_for_status()
    job = f"/api/v1/jobs/{answer.json()['job_id']}/"
    while (state := client.get(job).json())["status"] not in {"done", "failed"}:
        time.sleep(0.2)
    assert state["status"] == "done", state
    return time.monotonic() - began
