"""What is written in a format is read back as it was, in the format's own terms."""

import random
import zipfile
from pathlib import Path
from uuid import UUID

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.formats.geometry import bounds, outline, pack, unpack
from apps.labeling.formats.items import Item, ItemLabel, ItemShape
from apps.labeling.formats.masks import from_image_runs, from_string, transpose_runs
from apps.labeling.formats.registry import FORMATS
from apps.labeling.formats.writing import Out
from apps.labeling.models import Project
from apps.labeling.types import ShapeKind
from tests.factories.labeling import ImageFactory, ProjectFactory

# pycocotools speaks to numpy in the way of numpy 1.
pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]
LABELS = [
    ItemLabel(name="scratch", color="#112233"),
    ItemLabel(name='dent, "deep" & <wide>', color="#445566"),
    ItemLabel(name="人", skeleton={"joints": ["a", "b", "c"], "edges": [[0, 1]]}),
]
WIDTH, HEIGHT = 640, 480
BOX, TURNED, POLYGON = ShapeKind.BOX, ShapeKind.ROTATED_BOX, ShapeKind.POLYGON
# Which kinds each format keeps as they are.
KEEPS = {
    "coco": set(ShapeKind),
    "yolo-detect": {BOX},
    "yolo-segment": {POLYGON},
    "yolo-obb": {TURNED},
    "yolo-pose": {ShapeKind.SKELETON},
    "voc": {BOX},
    "cvat": set(ShapeKind),
    "cvat-video": set(ShapeKind) - {ShapeKind.TAG},
    "datumaro": set(ShapeKind),
    "labelme": {BOX, POLYGON, ShapeKind.POLYLINE, ShapeKind.POINTS, ShapeKind.MASK},
    "masks": {ShapeKind.MASK},
    "label-studio": {
        BOX,
        TURNED,
        ShapeKind.ELLIPSE,
        POLYGON,
        ShapeKind.TAG,
        ShapeKind.MASK,
    },
    "csv": {BOX},
}

# What a format says of videos, it says of their frames.
NAMES = {"cvat-video": ("größe-000000.jpg", "größe-000001.png", "größe-000007.jpg")}


def random_geometry(rng: random.Random, kind: ShapeKind) -> dict[str, object]:
    def point() -> list[float]:
        return [rng.uniform(1, WIDTH - 1), rng.uniform(1, HEIGHT - 1)]

    if kind in {TURNED, ShapeKind.ELLIPSE}:
        key = "size" if kind is TURNED else "radii"
        center = [rng.uniform(200, 400), rng.uniform(200, 280)]
        size = [rng.uniform(5, 90), rng.uniform(5, 90)]
        return {"center": center, key: size, "angle": rng.uniform(0.5, 179)}
    if kind is ShapeKind.MASK:
        across, down = rng.randint(1, 9), rng.randint(1, 9)
        cells = [1, *(rng.randint(0, 1) for _ in range(across * down - 2)), 1]
        counts, value = [0], 0
        for cell in cells[: across * down]:
            if cell != value:
                counts.append(0)
                value = cell
            counts[-1] += 1
        origin = [rng.randint(0, 600), rng.randint(0, 400)]
        return {"origin": origin, "size": [across, down], "counts": counts}
    points = [point() for _ in range(rng.randint(3, 8))]
    if kind is ShapeKind.SKELETON:
        points = points[:3]
        return {"points": points, "visible": [rng.choice([1, 2]) for _ in points]}
    return {"points": points}


def random_shape(rng: random.Random, kind: ShapeKind) -> ItemShape:
    label = "人" if kind is ShapeKind.SKELETON else rng.choice(LABELS[:2]).name
    uid = UUID(int=rng.getrandbits(128))
    if kind is ShapeKind.TAG:
        return ItemShape(id=uid, label=label, kind=kind, bbox=(0, 0, WIDTH, HEIGHT))
    if kind is BOX:
        x1, x2 = sorted(rng.uniform(0, WIDTH) for _ in range(2))
        y1, y2 = sorted(rng.uniform(0, HEIGHT) for _ in range(2))
        return ItemShape(id=uid, label=label, kind=kind, bbox=(x1, y1, x2, y2))
    packed = pack(kind, random_geometry(rng, kind))
    bbox = bounds(kind, packed)
    return ItemShape(id=uid, label=label, kind=kind, bbox=bbox, packed=packed)


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


def write(form: str, items: list[Item], path: Path) -> Out:
    with Out(path) as out:
        FORMATS[form].write(LABELS, iter(items), out)
    return out


def read(form: str, path: Path, project: Project) -> dict[str, list[ItemShape]]:
    archive = Archive(path, name=path.name)
    found: dict[str, list[ItemShape]] = {}
    for item, shapes in FORMATS[form].read(archive, Catalog(project.pk)):
        found.setdefault(item.name, []).extend(shapes)
    archive.close()
    return found


def drawn(shape: ItemShape) -> list[float]:
    """Numbers that two shapes of one kind share if they cover the same pixels."""
    if shape.kind in {TURNED, ShapeKind.ELLIPSE}:
        corners = outline(shape.kind, shape.packed, num_sides=4)[0]
        return [number for point in corners for number in point]
    geometry = unpack(shape.kind, shape.packed) or {}
    if shape.kind is ShapeKind.MASK:
        runs = [*geometry["origin"], *geometry["size"], *geometry["counts"]]
        return [float(number) for number in runs]
    points = [number for point in geometry.get("points", []) for number in point]
    return [*shape.bbox, *points, *geometry.get("visible", [])]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", FORMATS)
def test_what_a_format_can_hold_comes_back(
    form: str, seed: int, project: Project, tmp_path: Path
):
    rng = random.Random(seed)
    images = [
        ImageFactory(project=project, name=name, width=WIDTH, height=HEIGHT)
        for name in NAMES.get(form, ("plate 1.jpg", "größe.png", "empty.jpg"))
    ]
    kinds = sorted(KEEPS[form])
    items = [
        Item(
            id=image.pk,
            name=image.name,
            width=WIDTH,
            height=HEIGHT,
            sha256=image.sha256,
            split=split,
            shapes=tuple(random_shape(rng, rng.choice(kinds)) for _ in range(num)),
        )
        for image, split, num in zip(
            images, ("train", "val", ""), (7, 5, 0), strict=True
        )
    ]

    out = write(form, items, tmp_path / "a.zip")
    found = read(form, tmp_path / "a.zip", project)

    assert out.num_left_out == 0
    for item in items:
        shapes = found.get(item.name, [])
        assert [(one.kind, one.label) for one in shapes] == [
            (one.kind, one.label) for one in item.shapes
        ]
        for back, one in zip(shapes, item.shapes, strict=True):
            assert drawn(back) == pytest.approx(drawn(one), abs=0.01)


@pytest.mark.parametrize("form", ["coco", "cvat"])
def test_attributes_and_flags_come_back(form: str, project: Project, tmp_path: Path):
    image = ImageFactory(project=project, width=WIDTH, height=HEIGHT)
    shape = random_shape(random.Random(1), BOX)._replace(
        attributes={"depth": "deep"},
        is_occluded=True,
    )
    item = Item(name=image.name, width=WIDTH, height=HEIGHT, shapes=(shape,))

    write(form, [item], tmp_path / "a.zip")
    ((back,),) = read(form, tmp_path / "a.zip", project).values()

    assert (back.attributes, back.is_occluded) == ({"depth": "deep"}, True)


@pytest.mark.parametrize("seed", range(12))
def test_runs_are_those_of_pycocotools(seed: int):
    rng = np.random.default_rng(seed)
    height, width = (int(n) for n in rng.integers(2, 40, 2))
    image = (rng.random((height, width)) < 0.4).astype(np.uint8)
    image[rng.integers(height), rng.integers(width)] = 1
    encoded = coco_mask.encode(np.asfortranarray(image))

    runs = from_string(encoded["counts"].decode())
    packed = from_image_runs(runs, width=width, height=height)

    geometry = unpack(ShapeKind.MASK, packed)
    assert geometry is not None
    (x, y), (across, down) = geometry["origin"], geometry["size"]
    cells = [n % 2 for n, num in enumerate(geometry["counts"]) for _ in range(num)]
    again = np.zeros_like(image)
    again[y : y + down, x : x + across] = np.reshape(cells, (across, down)).T
    assert np.array_equal(again, image)
    by_row = transpose_runs(geometry["counts"], width=down, height=across)
    flat = [n % 2 for n, num in enumerate(by_row) for _ in range(num)]
    assert np.array_equal(
        np.reshape(flat, (down, across)), again[y : y + down, x : x + across]
    )


def test_pycocotools_reads_what_we_write(project: Project, tmp_path: Path):
    rng = random.Random(3)
    shapes = tuple(random_shape(rng, kind) for kind in ShapeKind)
    item = Item(id=7, name="a.jpg", width=WIDTH, height=HEIGHT, shapes=shapes)

    write("coco", [item], tmp_path / "a.zip")
    zipfile.ZipFile(tmp_path / "a.zip").extractall(tmp_path)
    coco = COCO(str(tmp_path / "annotations.json"))

    rows = coco.loadAnns(coco.getAnnIds(imgIds=[7]))
    assert len(rows) == len(shapes)
    by_kind = {row["attributes"]["kind"]: row for row in rows}
    ellipse = by_kind["ellipse"]
    area = coco.annToMask(ellipse).sum()
    assert area == pytest.approx(ellipse["area"], rel=0.15)
    assert by_kind["skeleton"]["num_keypoints"] == 3


def test_a_group_over_frames_is_written_as_one_track(project: Project, tmp_path: Path):
    group = UUID(int=5)
    items = [
        Item(
            name=f"clip-{frame:06d}.jpg",
            width=WIDTH,
            height=HEIGHT,
            shapes=(
                ItemShape(
                    label="scratch",
                    kind=BOX,
                    bbox=(frame, 0, 9 + frame, 9),
                    group=group,
                ),
            ),
        )
        for frame in (0, 1, 4)
    ]

    write("cvat-video", items, tmp_path / "a.zip")

    text = zipfile.ZipFile(tmp_path / "a.zip").read("clip.xml").decode()
    assert text.count("<track ") == 1
    assert text.count('outside="1"') == 2


@pytest.mark.parametrize("seed", range(3))
def test_masks_have_the_pixels_whose_middle_a_shape_covers(
    seed: int, project: Project, tmp_path: Path
):
    rng = random.Random(seed)
    image = ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)
    (one,) = shapes = (random_shape(rng, rng.choice([BOX, TURNED, POLYGON])),)
    item = Item(name=image.name, width=WIDTH, height=HEIGHT, shapes=shapes)

    write("masks", [item], tmp_path / "a.zip")
    ((back,),) = read("masks", tmp_path / "a.zip", project).values()

    geometry = unpack(ShapeKind.MASK, back.packed)
    assert geometry is not None
    rings = outline(one.kind, one.packed) if one.packed else [corners(one.bbox)]
    ring = np.array(rings[0], np.float32)
    (x, y), (_across, down) = geometry["origin"], geometry["size"]
    cells = [n % 2 for n, num in enumerate(geometry["counts"]) for _ in range(num)]
    for at in rng.sample(range(len(cells)), min(300, len(cells))):
        middle = (x + at // down + 0.5, y + at % down + 0.5)
        far = cv2.pointPolygonTest(ring, middle, measureDist=True)
        if abs(far) > 0.01:
            assert (far > 0) == bool(cells[at])


def corners(bbox: tuple[float, float, float, float]) -> list[list[float]]:
    x1, y1, x2, y2 = bbox
    return [[x1, y1], [x2, y1], [x2, y2], [x1, y2]]
