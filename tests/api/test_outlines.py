"""The click tool's route, before a real model server."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw

import deepseek_vision
from apps.labeling.models import Pyramid
from apps.labeling.services import outlining
from apps.labeling.services.images import add_image
from apps.labeling.tasks import tile
from tests.factories.deployments import EndpointFactory
from tests.unit.model_server.running import ModelServer

MODEL = (
    Path(deepseek_vision.__file__).parent / "segmentation" / "weights" / "click_small"
)

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def click_server() -> Iterator[str]:
    server = ModelServer(f"clicks={MODEL}", "--workers", "1", wait=False)
    server.wait_until_ready(120)
    yield f"http://127.0.0.1:{server.port}"
    server.end()


def test_a_click_has_an_outline_in_pixels_of_the_image(
    api_as: Any, alice: Any, image: Any, click_server: str, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = click_server
    body = {"clicks": [[image.width / 2, image.height / 2, 1]]}

    answer = api_as(alice).post(
        f"/api/v1/labeling/images/{image.pk}/outlines/", body, format="json"
    )

    assert answer.status_code == 200, answer.content
    for outline in answer.json()["outlines"]:
        for x, y in outline["points"]:
            assert 0 <= x <= image.width
            assert 0 <= y <= image.height


def test_a_quick_question_says_whether_a_closer_look_may_differ(
    api_as: Any, alice: Any, project: Any, jpeg: Any, click_server: str, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = click_server
    file = jpeg(640, 480)
    image, _ = add_image(user=alice, project_id=project.pk, name="b.jpg", file=file)
    url = f"/api/v1/labeling/images/{image.pk}/outlines/"
    box = [10, 10, 138, 106]

    def ask(**more: Any) -> Any:
        return api_as(alice).post(url, {"box": box, **more}, format="json").json()

    assert ask(quick=True)["is_final"] is False
    careful = ask()
    assert careful["is_final"] is True
    assert ask(quick=True) == careful


def test_of_a_very_large_image_only_what_is_near_is_asked_about(
    api_as: Any, alice: Any, project: Any, click_server: str, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = click_server
    settings.TILE_FROM_PIXELS = 5_000_000
    picture = PillowImage.new("RGB", (3000, 2000), "#283c32")
    ImageDraw.Draw(picture).ellipse((2500, 1600, 2700, 1800), fill="#d2a05a")
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    image, _ = add_image(user=alice, project_id=project.pk, name="l.jpg", file=file)
    url = f"/api/v1/labeling/images/{image.pk}/outlines/"
    said = {"clicks": [[2600, 1700, 1]]}
    early = api_as(alice).post(url, said, format="json")
    tile(str(Pyramid.objects.get().job_id))

    found = api_as(alice).post(url, said, format="json")
    beside = api_as(alice).post(url, {"clicks": [[3100, 3, 1]]}, format="json")
    prepared = api_as(alice).post(url, {"clicks": []}, format="json")

    assert (early.status_code, early.json()["code"]) == (409, "tiles_not_ready")
    assert found.status_code == 200, found.content
    xs, ys = zip(*found.json()["outlines"][0]["points"], strict=True)
    for side, wanted in zip(
        (min(xs), min(ys), max(xs), max(ys)), (2500, 1600, 2700, 1800), strict=True
    ):
        assert abs(side - wanted) < 15
    assert beside.status_code == 400
    assert "3000 pixels" in beside.json()["detail"]
    assert prepared.json() == {"outlines": [], "is_final": True}


def test_a_click_beside_the_image_is_refused_with_its_size(
    api_as: Any, alice: Any, image: Any, click_server: str, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = click_server

    answer = api_as(alice).post(
        f"/api/v1/labeling/images/{image.pk}/outlines/",
        {"clicks": [[image.width + 50, 3, 1]]},
        format="json",
    )

    assert answer.status_code == 400
    assert f"{image.width} x {image.height}" in answer.json()["detail"]


def test_a_box_is_cut_out_by_colors_and_a_click_alone_is_refused(
    api_as: Any, alice: Any, image: Any, click_server: str, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = click_server
    url = f"/api/v1/labeling/images/{image.pk}/outlines/"
    box = [image.width / 4, image.height / 4, image.width / 2, image.height / 2]

    cut = api_as(alice).post(url, {"box": box, "by": "colors"}, format="json")
    bare = api_as(alice).post(
        url, {"clicks": [[3, 3, 1]], "by": "colors"}, format="json"
    )
    unknown = api_as(alice).post(url, {"box": box, "by": "magic"}, format="json")

    assert cut.status_code == 200, cut.content
    assert bare.status_code == 400
    assert "drag a box around the object first" in bare.json()["detail"]
    assert unknown.status_code == 400


def test_a_model_server_that_is_down_is_said_to_be(
    api_as: Any, alice: Any, image: Any, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = "http://127.0.0.1:9"

    answer = api_as(alice).post(
        f"/api/v1/labeling/images/{image.pk}/outlines/",
        {"clicks": [[3, 3, 1]]},
        format="json",
    )

    assert answer.status_code == 503
    assert answer.json()["code"] == outlining.NoClickModelError.code
    assert "try again" in answer.json()["detail"]


def test_label_studios_smart_points_become_a_polygon_in_per_cent(
    api_as: Any, alice: Any, jpeg: Any, click_server: str, settings: Any
) -> None:
    settings.CLICK_SERVER_URL = click_server
    endpoint = EndpointFactory(workspace=alice.memberships.get().workspace)
    picture = base64.b64encode(jpeg().read()).decode()
    point = {
        "id": "k1", "type": "keypointlabels", "from_name": "kp", "to_name": "img",
        "original_width": 320, "original_height": 240, "image_rotation": 0,
        "is_positive": True,
        "value": {
            "x": 50, "y": 50, "width": 0.5, "labels": ["car"], "keypointlabels": ["car"],
        },
    }  # fmt: skip
    body = {
        "tasks": [{"id": 7, "data": {"image": f"data:image/jpeg;base64,{picture}"}}],
        "project": "5.1795462386",
        "label_config": '<View><Image name="img" value="$image"/>'
        '<PolygonLabels name="area" toName="img" smart="true"><Label value="car"/>'
        '</PolygonLabels><KeyPointLabels name="kp" toName="img" smartOnly="true">'
        '<Label value="car"/></KeyPointLabels></View>',
        "params": {"login": None, "password": None, "context": {"result": [point]}},
    }

    answer = api_as(alice).post(
        f"/api/v1/deployments/endpoints/{endpoint.pk}/label-studio/predict",
        body,
        format="json",
    )

    (prediction,) = answer.json()["results"]
    for region in prediction["result"]:
        assert (region["type"], region["from_name"]) == ("polygonlabels", "area")
        assert region["value"]["polygonlabels"] == ["car"]
        for x, y in region["value"]["points"]:
            assert 0 <= x <= 100
            assert 0 <= y <= 100
    assert prediction["result"]
