import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deepseek_vision.errors import ImageError
from deepseek_vision.images import FILL, letterbox, read_picture


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_a_turned_photograph_is_read_upright():
    image = Image.new("RGB", (40, 20))
    image.paste("red", (0, 0, 20, 20))
    exif = image.getexif()
    exif[0x0112] = 6

    picture = read_picture(encoded(image, "JPEG", exif=exif, quality=95))

    assert (picture.width, picture.height) == (20, 40)
    assert picture.pixels[:15].mean(axis=(0, 1))[0] > 200
    assert picture.pixels[25:].mean(axis=(0, 1))[0] < 50


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        (Image.new("L", (8, 6), 100), "PNG"),
        (Image.new("1", (8, 6), 1), "PNG"),
        (Image.new("P", (8, 6)), "PNG"),
        (Image.new("LA", (8, 6)), "PNG"),
        (Image.new("RGBA", (8, 6)), "PNG"),
        (Image.new("CMYK", (8, 6)), "JPEG"),
        (Image.fromarray(np.full((6, 8), 30000, np.uint16)), "PNG"),
    ],
    ids=lambda value: getattr(value, "mode", value),
)
def test_every_colour_mode_becomes_rgb(image, kind):
    picture = read_picture(encoded(image, kind))

    assert picture.pixels.shape == (6, 8, 3)
    assert picture.pixels.dtype == np.uint8


def test_sixteen_bits_keep_their_brightness():
    deep = np.array([[0, 65535], [25700, 257]], np.uint16)

    picture = read_picture(encoded(Image.fromarray(deep), "PNG"))

    assert picture.pixels[..., 0].tolist() == [[0, 255], [100, 1]]


def test_transparent_places_are_white():
    picture = read_picture(encoded(Image.new("RGBA", (2, 2), (0, 0, 0, 0)), "PNG"))

    assert picture.pixels.tolist() == [[[255] * 3] * 2] * 2


def test_the_first_frame_of_an_animation_counts():
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    animated = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])

    picture = read_picture(animated)

    assert picture.pixels[0, 0].tolist() == [255, 0, 0]


def test_a_cut_off_file_is_refused_by_name(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    whole = encoded(Image.fromarray(noise), "JPEG")
    file = tmp_path / "half.jpg"
    file.write_bytes(whole[: len(whole) // 2])

    with pytest.raises(ImageError, match=r"half\.jpg: damaged or cut off"):
        read_picture(file)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.exists, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b""), "not a picture"),
        (lambda path: path.write_text("hello"), "not a picture"),
    ],
    ids=["missing", "folder", "empty", "text"],
)
def test_what_is_no_picture_is_refused(tmp_path, make, message):
    path = tmp_path / "thing.png"
    make(path)

    with pytest.raises(ImageError, match=message):
        read_picture(path)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    header = encoded(Image.new("1", (20000, 20000)), "PNG")
    file = tmp_path / "huge.png"
    file.write_bytes(header)

    with pytest.raises(ImageError, match="more than 200,000,000 pixels"):
        read_picture(file)


@pytest.mark.parametrize(
    "array",
    [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4, 3), np.float64), np.zeros(3)],
)
def test_an_array_of_another_form_is_refused(array):
    with pytest.raises(ImageError, match="an array must"):
        read_picture(array)


def test_a_fast_decode_gives_the_same_size_of_answer():
    photo = encoded(Image.new("RGB", (1600, 1200), "green"), "JPEG")

    small = read_picture(photo, wanted_side=320)

    assert (small.width, small.height) == (1600, 1200)
    assert 320 <= max(small.pixels.shape) < 1600


def test_a_letterbox_fills_to_the_stride_and_maps_back():
    picture = read_picture(np.zeros((200, 300, 3), np.uint8))

    box = letterbox(picture, side=320, stride=32)
    corner = box.to_original(np.array([[0, 0, 320, 213]], np.float32))

    assert box.pixels.shape == (224, 320, 3)
    assert (box.pixels[213:] == FILL).all()
    np.testing.assert_allclose(corner, [[0, 0, 300, 200]], rtol=1e-5)
