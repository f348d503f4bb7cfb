"""Files that others wrote: read as they mean it, or refused with place and reason."""

import io
import json
import math
import zipfile
from pathlib import Path

import pytest
from PIL import Image as Picture

from apps.labeling.errors import FormatError
from apps.labeling.formats.archive import Archive
from apps.labeling.formats.catalog import Catalog
from apps.labeling.models import Project
from apps.labeling.types import ShapeKind
from tests.factories.labeling import ImageFactory, ProjectFactory
from tests.unit.labeling.test_formats import HEIGHT, WIDTH, read

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


def file(tmp_path: Path, name: str, text: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def coco(**changes: object) -> str:
    content = {
        "images": [{"id": 0, "file_name": "a.jpg"}],
        "categories": [{"id": 0, "name": "scratch"}],
        "annotations": [
            {"id": 0, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]}
        ],
    }
    return json.dumps({**content, **changes})


def annotation(**changes: object) -> list[dict[str, object]]:
    row = {"id": 5, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]}
    return [{**row, **changes}]


TRACK = (
    '<annotations><meta><task><name>a</name></task></meta><track id="0" label="x">'
    '<box frame="{frame}" outside="0" xtl="1" ytl="1" xbr="{xbr}" ybr="9"/>'
    "</track></annotations>"
)


def datumaro(**changes: object) -> str:
    row = {"id": 1, "label_id": 0, "attributes": {}, **changes}
    labels = {"labels": [{"name": "scratch", "parent": ""}]}
    items = [{"id": "a", "image": {"path": "a.jpg"}, "annotations": [row]}]
    return json.dumps({"categories": {"label": labels}, "items": items})


def labelme(**changes: object) -> str:
    row = {"label": "scratch", "points": [[1, 1]], **changes}
    return json.dumps({"imagePath": "a.jpg", "shapes": [row]})


def test_ids_may_begin_at_0(project: Project, tmp_path: Path):
    ImageFactory(project=project, name="a.jpg")

    found = read("coco", file(tmp_path, "a.json", coco()), project)

    assert [one.bbox for one in found["a.jpg"]] == [(1, 2, 4, 6)]


@pytest.mark.parametrize(
    ("form", "name", "text", "reason"),
    [
        ("coco", "a.json", '{"images": [\n\n oops', "a.json line 3"),
        ("coco", "a.json", "[]", "COCO has images, annotations and categories"),
        ("coco", "a.json", coco(annotations=annotation(image_id=9)), "annotation 5: no image"),
        ("coco", "a.json", coco(annotations=annotation(category_id=9)), "no category has the id 9"),
        ("coco", "a.json", coco(annotations=annotation(bbox=[1, 2, math.nan, 4])), "nan"),
        ("coco", "a.json", coco(annotations=annotation(bbox=[1, 2, 9000, 4])), "not inside"),
        ("coco", "a.json", coco(annotations=annotation(bbox=[1, 2])), "bbox must be"),
        ("voc", "a.xml", "<annotation><object>", "a.xml line 1"),
        ("voc", "a.xml", '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>', "document type"),
        ("cvat", "a.xml", "<annotation/>", "not CVAT"),
        ("cvat", "a.xml", "<annotations><track/></annotations>", "tracks"),
        ("cvat-video", "a.xml", "<annotations><image/></annotations>", "not CVAT for videos"),
        ("cvat-video", "a.xml", "<annotations><track/></annotations>", "track 0: it has no label"),
        ("cvat-video", "a.xml", TRACK.format(frame=-1, xbr=9), "no frame -1"),
        ("cvat-video", "a.xml", TRACK.format(frame=0, xbr=9000), "frame 0: .* not inside"),
        ("datumaro", "a.json", '{"items": []}', "Datumaro has categories"),
        ("datumaro", "a.json", datumaro(type="bbox", bbox=[1, 2]), "four numbers"),
        ("datumaro", "a.json", datumaro(type="bbox", label_id=7), "number 7"),
        ("datumaro", "a.json", datumaro(type="polygon", points=[1]), "x, y, x, y"),
        ("datumaro", "a.json", datumaro(type="mask", rle={"size": [1, 1]}), "size is 1 x 1"),
        ("labelme", "a.json", "{}", "list of shapes"),
        ("labelme", "a.json", labelme(shape_type="rectangle"), "two points"),
        ("labelme", "a.json", labelme(shape_type="blob", points=[[1, 1], [2, 2]]), "'blob'"),
        ("labelme", "a.json", labelme(points=[[1]]), "pairs"),
        ("labelme", "a.json", labelme(shape_type="mask", points=[[1, 1], [2, 2]]), "mask cannot"),
        ("masks", "a.png", b"nonsense", "no folder SegmentationClass"),
        ("label-studio", "a.json", '{"a": 1}', "list of tasks"),
        ("csv", "a.csv", "image,label\na.jpg,x\n", "line 1: no column x1"),
        ("csv", "a.csv", "image,label,x1,y1,x2,y2\na.jpg,x,1,2,3,four\n", "line 2: 'four'"),
        ("csv", "a.csv", b"image,label,x1,y1,x2,y2\n\xff\xfe", "line 2: not UTF-8"),
        ("yolo-detect", "a.zip", b"PK nonsense", "no zip"),
        ("coco", "a.txt", "", "no .json file"),
    ],
)  # fmt: skip
def test_a_broken_file_names_place_and_reason(
    form: str,
    name: str,
    text: str | bytes,
    reason: str,
    project: Project,
    tmp_path: Path,
):
    ImageFactory(project=project, name="a.jpg")
    ImageFactory(project=project, name="a-000000.jpg")

    with pytest.raises(FormatError, match=reason):
        read(form, file(tmp_path, name, text), project)


def zip_of(tmp_path: Path, *members: tuple[str, bytes]) -> Path:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members:
            out.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../a.json", "/etc/a.json", "a/../../b.json", "C:/a"])
def test_a_name_that_leads_out_is_refused(name: str, tmp_path: Path):
    with pytest.raises(FormatError, match="leads out"):
        Archive(zip_of(tmp_path, (name, b"{}")), name="a.zip")


def test_a_bomb_is_refused_unopened(tmp_path: Path):
    with pytest.raises(FormatError, match="a bomb"):
        Archive(zip_of(tmp_path, ("a.json", bytes(30_000_000))), name="a.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path):
    with pytest.raises(FormatError, match="twice"):
        Archive(zip_of(tmp_path, ("a.json", b"1"), ("a.json", b"2")), name="a.zip")


YOLO_NAMES = {
    "mapping": "names:\n  0: scratch\n  1: dent\n",
    "list": "nc: 2\nnames:\n- scratch\n- dent\n",
    "brackets": "names: ['scratch', \"dent\"]\nnc: 2\n",
}


@pytest.mark.parametrize("style", YOLO_NAMES)
def test_class_names_of_every_yaml_style(style: str, project: Project, tmp_path: Path):
    ImageFactory(project=project, name="a.jpg", width=100, height=100)
    path = zip_of(
        tmp_path,
        ("data.yaml", YOLO_NAMES[style].encode()),
        ("labels/train/a.txt", b"1 0.5 0.5 0.2 0.4\n"),
    )

    ((one,),) = read("yolo-detect", path, project).values()

    assert (one.label, one.bbox) == ("dent", pytest.approx((40, 30, 60, 70)))


def test_a_class_that_nothing_names_is_told_with_its_place(
    project: Project, tmp_path: Path
):
    ImageFactory(project=project, name="a.jpg")
    path = zip_of(
        tmp_path,
        ("data.yaml", b"names: [scratch]"),
        ("labels/a.txt", b"0 0.5 0.5 0.2 0.4\n7 0.5 0.5 0.2 0.4\n"),
    )

    reason = "labels/a.txt line 2: no class has the number 7: name it in data.yaml"
    with pytest.raises(FormatError, match=reason):
        read("yolo-detect", path, project)


def test_an_empty_text_file_says_that_nothing_is_there(
    project: Project, tmp_path: Path
):
    for name in ("a.jpg", "b.jpg"):
        ImageFactory(project=project, name=name)
    path = zip_of(
        tmp_path,
        ("classes.txt", b"scratch\n"),
        ("labels/a.txt", b""),
        ("labels/b.txt", b"\n \n"),
    )

    assert read("yolo-detect", path, project) == {"a.jpg": [], "b.jpg": []}


@pytest.mark.parametrize(
    ("form", "name"), [("coco", "a.json"), ("voc", "a.xml"), ("label-studio", "a.json")]
)
def test_an_empty_file_in_a_zip_is_refused_by_its_name(
    form: str, name: str, project: Project, tmp_path: Path
):
    with pytest.raises(FormatError, match=name):
        read(form, zip_of(tmp_path, (f"folder/{name}", b"")), project)


@pytest.mark.parametrize(
    "stem",
    ["with a space", "\N{LATIN SMALL LETTER E WITH ACUTE}t\N{CJK UNIFIED IDEOGRAPH-56FE}",
     "a.b.c", "#50%&+'", "-dash", "\N{GRINNING FACE}"],
)  # fmt: skip
def test_odd_names_in_a_zip_find_their_images(
    stem: str, project: Project, tmp_path: Path
):
    ImageFactory(project=project, name=f"{stem}.jpg", width=100, height=100)
    path = zip_of(
        tmp_path,
        ("classes.txt", b"scratch\n"),
        (f"labels/{stem}.txt", b"0 0.5 0.5 0.2 0.4\n"),
        (f"__MACOSX/labels/._{stem}.txt", b"\0\5\x16\7"),
    )

    ((one,),) = read("yolo-detect", path, project).values()

    assert one.bbox == pytest.approx((40, 30, 60, 70))


@pytest.mark.parametrize(
    ("raw", "name"),
    [("größe".encode(), "größe"), (b"gr\x81n", "grün")],
    ids=["UTF-8 without the flag", "code page 437"],
)
def test_names_in_a_zip_that_are_not_marked_as_utf8_find_their_images(
    raw: bytes, name: str, project: Project, tmp_path: Path
):
    ImageFactory(project=project, name=f"{name}.jpg", width=100, height=100)
    stem = "n" * len(raw)
    path = zip_of(
        tmp_path,
        ("classes.txt", b"scratch\n"),
        (f"labels/{stem}.txt", b"0 0.5 0.5 0.2 0.4\n"),
    )
    path.write_bytes(path.read_bytes().replace(stem.encode(), raw))

    assert list(read("yolo-detect", path, project)) == [f"{name}.jpg"]


def test_a_spoilt_member_is_named(project: Project, tmp_path: Path):
    ImageFactory(project=project, name="a.jpg")
    text = coco(annotations=annotation() * 50).encode()
    path = zip_of(tmp_path, ("a.json", text))
    packed = bytearray(path.read_bytes())
    packed[45:60] = b"\xff" * 15  # within what was deflated
    path.write_bytes(packed)

    with pytest.raises(FormatError, match=r"a\.json cannot be unpacked"):
        read("coco", path, project)


def test_a_name_of_several_images_is_refused(project: Project, tmp_path: Path):
    ImageFactory.create_batch(2, project=project, name="a.jpg")

    with pytest.raises(FormatError, match="several images"):
        read("coco", file(tmp_path, "a.json", coco()), project)


def test_a_file_is_matched_by_as_much_of_its_path_as_is_shared(project: Project):
    names = ("shots/train/7.png", "shots/val/7.png", "8.png", "old/8.png")
    for name in names:
        ImageFactory(project=project, name=name)
    catalog = Catalog(project.pk)

    def found(name: str) -> str | None:
        item = catalog.find(name)
        return item and item.name

    assert found("labels/train/7.txt") == "shots/train/7.png"
    assert found("val\\7.png") == "shots/val/7.png"
    assert found("/data/shots/val/7.jpg") == "shots/val/7.png"
    assert found("8.png") == "8.png"
    assert found("old/8.txt") == "old/8.png"
    assert found("9.png") is None
    with pytest.raises(FormatError, match="called 7"):
        found("labels/7.txt")


def test_a_mask_png_of_another_size_or_colour_is_refused(
    project: Project, tmp_path: Path
):
    ImageFactory(project=project, name="a.jpg", width=4, height=3)
    labels = ("labelmap.txt", b"background:0,0,0::\nscratch:255,0,0::\n")

    def png(width: int, color: tuple[int, int, int]) -> tuple[str, bytes]:
        out = io.BytesIO()
        Picture.new("RGB", (width, 3), color).save(out, "PNG")
        return "SegmentationClass/a.png", out.getvalue()

    for members, reason in (
        ((labels, png(5, (255, 0, 0))), "it is 5 x 3, its image 4 x 3"),
        ((labels, png(4, (0, 9, 0))), "no label has the colour 0,9,0"),
        ((png(4, (255, 0, 0)),), "no labelmap.txt"),
        ((labels, ("SegmentationClass/a.png", b"no")), "no picture"),
        ((("labelmap.txt", b"a;b"), png(4, (1, 0, 0))), "line 1: a line is"),
    ):
        with pytest.raises(FormatError, match=reason):
            read("masks", zip_of(tmp_path, *members), project)
    ((one,),) = read(
        "masks", zip_of(tmp_path, labels, png(4, (255, 0, 0))), project
    ).values()
    assert (one.label, one.bbox) == ("scratch", (0, 0, 4, 3))


def test_labelmes_flags_are_tags_and_its_circles_ellipses(
    project: Project, tmp_path: Path
):
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)
    circle = {"label": "hole", "points": [[50, 50], [50, 60]], "shape_type": "circle"}
    content = {"imagePath": "..\\a.jpg", "flags": {"wet": True, "dry": False}}
    text = json.dumps({**content, "shapes": [circle]})

    found = read("labelme", file(tmp_path, "a.json", text), project)

    tag, ellipse = found["a.jpg"]
    assert (tag.kind, tag.label) == (ShapeKind.TAG, "wet")
    assert (ellipse.kind, ellipse.bbox) == (ShapeKind.ELLIPSE, (40, 40, 60, 60))


def test_a_track_is_one_object_over_frames_and_moves_between_keyframes(
    project: Project, tmp_path: Path
):
    for number in (0, 2, 4, 5):
        ImageFactory(project=project, name=f"clip-{number:06d}.jpg", width=WIDTH)
    text = (
        "<annotations><meta><task><source>clip.mp4</source></task></meta>"
        '<track id="0" label="car">'
        '<box frame="0" outside="0" keyframe="1" xtl="0" ytl="0" xbr="10" ybr="10"/>'
        '<box frame="4" outside="0" keyframe="1" xtl="40" ytl="20" xbr="50" ybr="30"/>'
        '<box frame="5" outside="1" keyframe="1" xtl="40" ytl="20" xbr="50" ybr="30"/>'
        "</track></annotations>"
    )

    found = read("cvat-video", file(tmp_path, "a.xml", text), project)

    boxes = {name: one.bbox for name, (one,) in found.items()}
    assert boxes == {
        "clip-000000.jpg": (0, 0, 10, 10),
        "clip-000002.jpg": (20, 10, 30, 20),
        "clip-000004.jpg": (40, 20, 50, 30),
    }
    assert len({one.group for (one,) in found.values()}) == 1


def test_frames_are_counted_from_where_the_task_began_and_by_its_step(
    project: Project, tmp_path: Path
):
    ImageFactory(project=project, name="clip-000020.jpg", width=WIDTH, height=HEIGHT)
    text = (
        "<annotations><meta><task><name>clip</name><start_frame>10</start_frame>"
        "<frame_filter>step=5</frame_filter></task></meta>"
        '<track id="0" label="car">'
        '<box frame="2" outside="0" xtl="1" ytl="2" xbr="3" ybr="4"/>'
        '<box frame="3" outside="1" xtl="1" ytl="2" xbr="3" ybr="4"/>'
        "</track></annotations>"
    )

    found = read("cvat-video", file(tmp_path, "a.xml", text), project)

    assert [one.bbox for one in found["clip-000020.jpg"]] == [(1, 2, 3, 4)]
    assert found["clip-000020.jpg"][0].group is None
