"""Who may do what of labeling, through the API."""

from typing import Any

from tests.api.rules import (
    ANNOTATOR,
    MANAGER,
    OWN,
    REVIEWER,
    VIEWER,
    Rules,
    World,
    read,
    write,
)


def _put(world: World) -> dict[str, Any]:
    shape = {
        "id": "7d1b2f0c-6a0e-4f57-9f0e-0a4c2c9b1d11",
        "label_id": world["label_id"],
        "kind": "box",
        "bbox": [1, 2, 30, 40],
    }
    return {"operations": [{"op": "put", "annotation": shape}]}


def _verdict(world: World) -> dict[str, Any]:
    one = {"image_id": 0, "id": "7d1b2f0c-6a0e-4f57-9f0e-0a4c2c9b1d11", "says": "open"}
    return {"verdicts": [one]}


LABELING_API: Rules = {
    "labeling-api:project-list": {
        "GET": read(**OWN),
        "POST": write(
            MANAGER,
            201,
            body=lambda w: {"workspace_id": w["workspace_id"], "name": "p"},
        ),
    },
    "labeling-api:project": {
        "GET": read(),
        "PATCH": write(MANAGER, body=lambda _w: {"guide": "Tight boxes."}),
        "DELETE": write(MANAGER, 204),
    },
    "labeling-api:label-list": {
        "GET": read(),
        "POST": write(MANAGER, 201, body=lambda _w: {"name": "crack"}),
    },
    "labeling-api:label": {
        "PATCH": write(MANAGER, body=lambda _w: {"color": "#112233"}),
        "DELETE": write(MANAGER, 204),
    },
    "labeling-api:saved-view-list": {
        "GET": read(),
        "POST": write(
            VIEWER, 201, body=lambda _w: {"name": "v", "query": "state=submitted"}
        ),
    },
    "labeling-api:saved-view": {"DELETE": write(MANAGER, 204)},
    "labeling-api:gather-file": {
        "POST": write(
            ANNOTATOR,
            202,
            is_upload=True,
            body=lambda w: {"file": w["new_zip"]()},
        ),
    },
    "labeling-api:gather-addresses": {
        "POST": write(MANAGER, 202, body=lambda _w: {"urls": ["https://a.test/a.jpg"]}),
    },
    "labeling-api:gather-bucket": {
        "GET": read(needs=MANAGER),
        "POST": write(MANAGER, 404, body=lambda _w: {"bucket": "unnamed"}),
    },
    "labeling-api:image-list": {
        "GET": read(),
        "POST": write(
            ANNOTATOR, 201, is_upload=True, body=lambda w: {"file": w["new_file"]()}
        ),
    },
    "labeling-api:image-known": {
        "POST": write(VIEWER, body=lambda _w: {"sha256": ["0" * 64]})
    },
    "labeling-api:prelabel": {"POST": write(ANNOTATOR, 202, body=lambda _w: {})},
    "labeling-api:export": {"GET": read()},
    "labeling-api:export-list": {
        "POST": write(VIEWER, 202, body=lambda _w: {"form": "coco"}),
    },
    "labeling-api:export-file": {"GET": read()},
    "labeling-api:import-list": {
        "POST": write(
            MANAGER,
            202,
            is_upload=True,
            body=lambda w: {"file": w["new_file"](), "form": "coco"},
        ),
    },
    "labeling-api:apply-import": {"POST": write(MANAGER, 202)},
    "labeling-api:version-list": {
        "GET": read(),
        "POST": write(ANNOTATOR, 201, body=lambda _w: {"only_submitted": False}),
    },
    "labeling-api:version": {"GET": read()},
    "labeling-api:version-difference": {"GET": read()},
    "labeling-api:merge-version": {
        "GET": read(),
        "POST": write(ANNOTATOR, body=lambda w: {"other_id": w["first_version_id"]}),
    },
    "labeling-api:version-export": {"GET": read()},
    "labeling-api:restore-version": {"POST": write(MANAGER)},
    "labeling-api:image": {"GET": read(), "DELETE": write(MANAGER, 204)},
    "labeling-api:image-file": {"GET": read()},
    "labeling-api:image-levels": {"GET": read()},
    "labeling-api:image-shown": {"GET": read()},
    "labeling-api:image-thumbnail": {"GET": read()},
    # The image is not so large that it had any.
    "labeling-api:tiles": {"GET": read(answer=404)},
    "labeling-api:tile": {"GET": read(answer=404)},
    "labeling-api:document": {"GET": read()},
    "labeling-api:operations": {
        "POST": write(ANNOTATOR, body=_put, headers={"If-Match": '"0"'})
    },
    "labeling-api:history": {"GET": read()},
    "labeling-api:restore": {"POST": write(ANNOTATOR, body=lambda _w: {"revision": 0})},
    "labeling-api:restore-project": {
        "POST": write(MANAGER, body=lambda _w: {"at": "2100-01-01T00:00:00Z"})
    },
    # The matrix runs without a click model, which says so to those who may ask.
    "labeling-api:outlines": {
        "POST": write(ANNOTATOR, 503, body=lambda _w: {"clicks": [[1, 2, 1]]})
    },
    "labeling-api:rejections": {"POST": write(ANNOTATOR, body=lambda _w: {"ids": []})},
    "labeling-api:crop": {"GET": read()},
    "labeling-api:proposal-list": {"GET": read()},
    "labeling-api:calibration": {"GET": read()},
    "labeling-api:verdicts": {"POST": write(ANNOTATOR, body=_verdict)},
    "labeling-api:submit": {"POST": write(ANNOTATOR)},
    "labeling-api:accept": {
        "POST": write(REVIEWER, body=lambda w: {"image_ids": [w["image_id"]]})
    },
    "labeling-api:next": {"POST": write(ANNOTATOR)},
    "labeling-api:workload": {"GET": read(needs=REVIEWER)},
    "labeling-api:assign": {
        "POST": write(
            MANAGER, body=lambda w: {"image_ids": [w["image_id"]], "assignee_id": None}
        )
    },
    "labeling-api:rule-list": {
        "GET": read(needs=REVIEWER),
        "POST": write(MANAGER, 201, body=lambda w: {"people": [w["annotator_id"]]}),
    },
    "labeling-api:apply-rules": {"POST": write(MANAGER)},
    "labeling-api:rule": {"DELETE": write(MANAGER, 204)},
    "labeling-api:quality": {"GET": read(needs=REVIEWER)},
    "labeling-api:overlap": {
        "POST": write(MANAGER, body=lambda _w: {"num_images": 1, "num_people": 2})
    },
    "labeling-api:truths": {
        "POST": write(MANAGER, body=lambda w: {"image_ids": [w["image_id"]]})
    },
    "labeling-api:merge": {"POST": write(REVIEWER, 409, body=lambda _w: {})},
    "labeling-api:undo-merge": {"POST": write(REVIEWER, 409)},
    "labeling-api:send-back": {
        "POST": write(REVIEWER, 409, body=lambda _w: {"text": "Tighter."})
    },
    "labeling-api:remark-list": {
        "GET": read(),
        "POST": write(ANNOTATOR, 201, body=lambda _w: {"text": "Tighter."}),
    },
    "labeling-api:settle-remark": {"POST": write(ANNOTATOR)},
    "labeling-api:reopen": {"POST": write(ANNOTATOR)},
}
