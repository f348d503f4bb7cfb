"""Numbers that are none, and far ones, in files of every format."""

import random
import re
import zipfile
from pathlib import Path

import pytest

from apps.labeling.errors import FormatError
from apps.labeling.formats.geometry import bounds, pack
from apps.labeling.formats.items import Item, ItemShape
from apps.labeling.formats.registry import FORMATS
from apps.labeling.models import Project
from apps.labeling.types import ShapeKind
from tests.factories.labeling import ImageFactory, ProjectFactory
from tests.unit.labeling.test_formats import (
    HEIGHT,
    KEEPS,
    LABELS,
    NAMES,
    WIDTH,
    random_shape,
    read,
    write,
)

pytestmark = pytest.mark.django_db
# Masks as pictures hold no numbers.
WRITTEN = [form for form in FORMATS if form != "masks"]
OUTLINES = [ShapeKind.POLYGON, ShapeKind.POLYLINE, ShapeKind.POINTS, ShapeKind.SKELETON]


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


def written(form: str, shape: ItemShape, project: Project, path: Path) -> None:
    name = NAMES.get(form, ("plate 1.jpg",))[0]
    image = ImageFactory(project=project, name=name, width=WIDTH, height=HEIGHT)
    item = Item(
        id=image.pk,
        name=name,
        width=WIDTH,
        height=HEIGHT,
        sha256=image.sha256,
        split="train",
        shapes=(shape,),
    )
    write(form, [item], path)


def spoilt(path: Path, number: str) -> Path:
    """The same file with another number in place of every decimal one."""
    members = {"annotations.json": path.read_bytes()}
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as source:
            members = {name: source.read(name) for name in source.namelist()}
    spoilt = path.with_name("spoilt.zip")
    with zipfile.ZipFile(spoilt, "w") as out:
        for name, content in members.items():
            text = re.sub(r"-?\d+\.\d+", number, content.decode())
            out.writestr(name, text)
    return spoilt


@pytest.mark.parametrize("number", ["NaN", "1e999"])
@pytest.mark.parametrize("form", WRITTEN)
def test_a_number_that_is_none_is_refused_with_its_place(
    form: str, number: str, project: Project, tmp_path: Path
):
    kinds = KEEPS[form] - {ShapeKind.TAG, ShapeKind.MASK}
    shape = random_shape(random.Random(7), min(kinds))
    written(form, shape, project, tmp_path / "a.zip")

    with pytest.raises(FormatError, match=r"(?i)\d.*(nan|1e999|inf)"):
        read(form, spoilt(tmp_path / "a.zip", number), project)


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        (form, kind)
        for form in WRITTEN
        for kind in OUTLINES
        if kind in KEEPS[form] and form != "yolo-segment"  # writes within the image
    ],
)
def test_an_outline_may_lean_out_of_its_image_but_not_far(
    form: str, kind: ShapeKind, project: Project, tmp_path: Path
):
    found = {}
    for x in (-40.0, -90_000.0):
        points = [[x, 10.0], [200.0, 20.0], [100.0, 300.0]]
        seen = {"visible": [2, 2, 2]} if kind is ShapeKind.SKELETON else {}
        packed = pack(kind, {"points": points, **seen})
        label = LABELS[2 if seen else 0].name
        found[x] = ItemShape(
            label=label, kind=kind, bbox=bounds(kind, packed), packed=packed
        )
    written(form, found[-40.0], project, tmp_path / "near.zip")
    ((near,),) = read(form, tmp_path / "near.zip", project).values()
    project.images.all().delete()
    written(form, found[-90_000.0], project, tmp_path / "far.zip")

    assert near.bbox[0] == pytest.approx(-40, abs=0.01)
    with pytest.raises(FormatError, match=r"\d: it reaches far out of the image"):
        read(form, tmp_path / "far.zip", project)


def test_an_outline_of_yolo_in_pixels_is_refused(project: Project, tmp_path: Path):
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as out:
        out.writestr("classes.txt", "scratch\n")
        out.writestr("labels/a.txt", "0 0.5 0.5 120 60 300 80\n")

    with pytest.raises(FormatError, match=r"line 1: it reaches far out"):
        read("yolo-segment", tmp_path / "a.zip", project)
