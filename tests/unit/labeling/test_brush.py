"""Label Studio's brush regions: what its own kit writes, and what it reads of ours."""

import base64
import io
import json
import random
from pathlib import Path

import pytest
from PIL import Image as Picture

from apps.labeling.errors import FormatError
from apps.labeling.formats.brush import read_brush, write_brush
from apps.labeling.formats.geometry import mask_runs
from apps.labeling.formats.masks import from_image_runs, runs_of
from apps.labeling.models import Project
from apps.labeling.types import ShapeKind
from tests.factories.labeling import ImageFactory, ProjectFactory
from tests.unit.labeling.test_formats import read

# Written by label-studio-sdk 2.1.2's converter.brush: mask2rle of PICTURE, and encode_rle of
# it in a label's color, with two pixels on that are nearly clear.
MASK2RLE = "AAABUDkb/msAwn/4bAJ/+MAn/8NgGE//N4AA"
ENCODE_RLE = (
    "AAABUDkb/msAA1gCcAoAAQNYAnAKAP8DWAJwCgD/A1gCcAoA/wNYAnAKAP/DYABr"
    "AE4BQB/gawBOAUAf8YABrAE4BQB/gawBOAUAf+GwADWAJwCgD/A1gCcAoA/wNYAn"
    "AKAP8DWAJwCgD/A1gCcAoAZM3gA="
)
PICTURE = """
............
............
...#####....
...##.##....
...#####....
............
............
"""
WIDTH, HEIGHT = 12, 7


def cells_of(picture: str) -> bytearray:
    return bytearray(sign == "#" for line in picture.split() for sign in line)


def turned(cells: bytearray, width: int) -> bytearray:
    return bytearray().join(cells[column::width] for column in range(width))


def packed_of(cells: bytearray, *, width: int, height: int) -> bytes:
    return from_image_runs(runs_of(turned(cells, width)), width=width, height=height)


def reference(content: bytes) -> list[int]:
    """rle-pack's decoder, bit by bit."""
    bits = "".join(f"{byte:08b}" for byte in content)
    at = 0

    def take(size: int) -> int:
        nonlocal at
        at += size
        return int(bits[at - size : at], 2)

    num, size = take(32), take(5) + 1
    lengths = [take(4) + 1 for _ in range(4)]
    values: list[int] = []
    while len(values) < num:
        is_one, length = take(1), lengths[take(2)]
        count = take(length) + 1
        values += [take(size)] * count if is_one else [take(size) for _ in range(count)]
    return values


@pytest.mark.parametrize("written", [MASK2RLE, ENCODE_RLE])
def test_what_label_studio_writes_is_read(written: str):
    found = read_brush(base64.b64decode(written), width=WIDTH, height=HEIGHT)

    expected = packed_of(cells_of(PICTURE), width=WIDTH, height=HEIGHT)
    assert found == expected


def test_values_one_by_one_are_read():
    bits = f"{8:032b}{7:05b}" + f"{2:04b}" * 4
    bits += (
        "0" + "00" + f"{7:03b}" + "".join(f"{n:08b}" for n in (9, 9, 9, 0, 9, 9, 9, 7))
    )
    content = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2)

    found = read_brush(content.to_bytes(-(-len(bits) // 8), "big"), width=2, height=1)

    assert found is not None
    assert mask_runs(found, width=2, height=1) == [1, 1]


@pytest.mark.parametrize("seed", range(12))
def test_what_we_write_is_the_mask_in_four_channels(seed: int):
    rng = random.Random(seed)
    width, height = rng.randint(1, 90), rng.randint(1, 40)
    share = rng.choice([0.03, 0.5, 1.0])
    cells = bytearray(rng.random() < share for _ in range(width * height))
    cells[rng.randrange(len(cells))] = 1
    packed = packed_of(cells, width=width, height=height)

    written = bytes(write_brush(packed, width=width, height=height))

    values = [255 * cell for cell in cells for _channel in range(4)]
    assert reference(written) == values
    assert read_brush(written, width=width, height=height) == packed


def test_a_long_run_is_written_in_pieces():
    packed = from_image_runs([0, 300 * 300], width=300, height=300)

    written = write_brush(packed, width=300, height=300)

    assert len(written) < 40
    assert read_brush(bytes(written), width=300, height=300) == packed


def tasks(
    tmp_path: Path, rle: object, kind: str = "brushlabels", **value: object
) -> Path:
    region = {
        "id": "r1",
        "type": kind,
        "value": {"format": "rle", "rle": rle, kind: ["scratch"], **value},
    }
    path = tmp_path / "a.json"
    content = [
        {"id": 3, "data": {"image": "a.jpg"}, "annotations": [{"result": [region]}]}
    ]
    path.write_text(json.dumps(content))
    return path


SOUND = list(base64.b64decode(MASK2RLE))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rle", "reason"),
    [
        (SOUND[:-4], "cut off"),
        (SOUND[:2], "cut off"),
        ([0, 0, 2, *SOUND[3:]], "has 592 values, 12 x 7 pixels have 336"),
        ([*SOUND[:4], 0, *SOUND[5:]], "values have 1 bits"),
        ([300], "range"),
        (["a"], "integer"),
        (None, "no list"),
        (10**12, "no list"),
        ("text", "no list"),
    ],
)
def test_a_broken_region_is_named(rle: object, reason: str, tmp_path: Path):
    project: Project = ProjectFactory()
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)

    with pytest.raises(FormatError, match=f"task 3, region r1: .*({reason})"):
        read("label-studio", tasks(tmp_path, rle), project)


def data_url(mode: str, size: tuple[int, int], on: set[tuple[int, int]]) -> str:
    """As Label Studio documents it: black pixels on transparent ground."""
    picture = Picture.new(mode, size)
    for place in on:
        picture.putpixel(place, (0, 0, 0, 255)[: len(mode)])
    file = io.BytesIO()
    picture.save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def bitmask(tmp_path: Path, url: object) -> Path:
    return tasks(tmp_path, [], "bitmasklabels", imageDataURL=url)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(4))
def test_a_bitmask_keeps_its_pixels(seed: int, tmp_path: Path):
    project: Project = ProjectFactory()
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)
    places = [(x, y) for x in range(WIDTH) for y in range(HEIGHT)]
    on = set(random.Random(seed).sample(places, 30))

    path = bitmask(tmp_path, data_url("RGBA", (WIDTH, HEIGHT), on))
    (mask,) = read("label-studio", path, project)["a.jpg"]

    runs = mask_runs(mask.packed, width=WIDTH, height=HEIGHT)
    cells = [at % 2 for at, num in enumerate(runs) for _ in range(num)]
    assert {(at // HEIGHT, at % HEIGHT) for at, one in enumerate(cells) if one} == on
    assert (mask.kind, mask.label) == (ShapeKind.MASK, "scratch")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (None, "no PNG in base64"),
        ("data:image/jpeg;base64,AAAA", "no PNG in base64"),
        ("data:image/png;base64,%%%", "base64"),
        ("data:image/png;base64,AAAA", "cannot identify"),
        (data_url("RGBA", (WIDTH, HEIGHT), set())[:-40], "base64|truncated|broken"),
        (data_url("RGBA", (WIDTH - 1, HEIGHT), set()), "its mask is 11 x 7"),
        (data_url("RGBA", (WIDTH, HEIGHT + 1), set()), "its mask is 12 x 8"),
        (data_url("RGB", (WIDTH, HEIGHT), set()), "no transparency"),
    ],
)
def test_a_broken_bitmask_is_named(url: object, reason: str, tmp_path: Path):
    project: Project = ProjectFactory()
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)

    with pytest.raises(FormatError, match=f"task 3, region r1: .*({reason})"):
        read("label-studio", bitmask(tmp_path, url), project)


@pytest.mark.django_db
def test_a_bitmask_that_was_rubbed_out_is_nothing(tmp_path: Path):
    project: Project = ProjectFactory()
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)

    path = bitmask(tmp_path, data_url("RGBA", (WIDTH, HEIGHT), set()))

    assert read("label-studio", path, project) == {"a.jpg": []}


@pytest.mark.django_db
def test_a_region_that_was_rubbed_out_is_nothing(tmp_path: Path):
    project: Project = ProjectFactory()
    ImageFactory(project=project, name="a.jpg", width=4, height=2)
    blank = f"{32:032b}{7:05b}" + f"{4:04b}" * 4 + "100" + f"{31:05b}" + f"{0:08b}"
    whole = blank.ljust(-(-len(blank) // 8) * 8, "0")
    rle = list(int(whole, 2).to_bytes(len(whole) // 8, "big"))

    found = read("label-studio", tasks(tmp_path, rle), project)

    assert found == {"a.jpg": []}


@pytest.mark.django_db
def test_a_region_becomes_a_mask_of_its_label(tmp_path: Path):
    project: Project = ProjectFactory()
    ImageFactory(project=project, name="a.jpg", width=WIDTH, height=HEIGHT)

    (mask,) = read("label-studio", tasks(tmp_path, SOUND), project)["a.jpg"]

    assert (mask.kind, mask.label) == (ShapeKind.MASK, "scratch")
    assert mask.bbox == (3, 2, 8, 5)
