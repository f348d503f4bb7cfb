"""Who may do what with reports; see permissions.py."""

from tests.api.rules import ANNOTATOR, OWN, VIEWER, Rules, read, write

DIAGNOSTICS_API: Rules = {
    "diagnostics-api:evaluation-list": {
        "GET": read(**OWN),
        "POST": write(  # its one image is for training
            ANNOTATOR,
            400,
            body=lambda w: {
                "version_id": w["version_id"],
                "revision_id": w["revision_id"],
            },
        ),
    },
    "diagnostics-api:evaluation": {"GET": read()},
    "diagnostics-api:transfer-list": {
        "GET": read(**OWN),
        "POST": write(  # its one image has no object
            ANNOTATOR, 400, body=lambda w: {"version_id": w["version_id"]}
        ),
    },
    "diagnostics-api:transfer": {"GET": read()},
    "diagnostics-api:tool-list": {"GET": read(**OWN)},
    "diagnostics-api:estimate": {
        "POST": write(VIEWER, body=lambda w: {"version_id": w["version_id"]})
    },
    "diagnostics-api:report-list": {
        "GET": read(**OWN),
        "POST": write(  # its one image has no object
            ANNOTATOR,
            400,
            body=lambda w: {
                "version_id": w["version_id"],
                "revision_id": w["revision_id"],
            },
        ),
    },
    "diagnostics-api:report": {"GET": read()},
    "diagnostics-api:results": {"GET": read()},
    "diagnostics-api:export": {"GET": read()},
    "diagnostics-api:act": {
        "POST": write(
            ANNOTATOR, 404, body=lambda _w: {"tool": "labels", "code": "labels.class"}
        )
    },
    "diagnostics-api:again": {"POST": write(ANNOTATOR, 400, body=lambda _w: {})},
}
DIAGNOSTICS_PAGES: Rules = {
    "diagnostics:evaluations-beside": {"GET": read(**OWN)},
    "diagnostics:evaluations": {
        "GET": read(**OWN),
        "POST": write(VIEWER, stranger=200, body=lambda _w: {"split": ""}),
    },
    "diagnostics:leaderboard": {"GET": read()},
    "by-images:searches": {
        "GET": read(**OWN),
        "POST": write(VIEWER, stranger=200, body=lambda _w: {"version": ""}),
    },
    "by-images:search": {"GET": read()},
    "diagnostics:reports": {"GET": read(**OWN)},
    "diagnostics:new": {
        "GET": read(**OWN),
        "POST": write(VIEWER, stranger=200, body=lambda _w: {"model": ""}),
    },
    "diagnostics:estimate": {
        "POST": write(VIEWER, stranger=200, body=lambda _w: {"model": ""})
    },
    "diagnostics:classes": {
        "POST": write(VIEWER, stranger=200, body=lambda _w: {"model": ""})
    },
    "diagnostics:report": {"GET": read()},
    "diagnostics:behind": {"GET": read()},
    "diagnostics:again": {"POST": write(ANNOTATOR, 400)},
    "diagnostics:act": {"POST": write(ANNOTATOR, 404, body=lambda _w: {"tool": "x"})},
}
