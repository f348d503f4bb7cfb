import io
from array import array

import pytest
from PIL import Image

from apps.core.errors import TooLargeError
from apps.core.images import NotAnImageError, inspect, levels_of, windowed


def encoded(image: Image.Image, form: str, **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def test_a_jpeg_is_shown_as_it_is_and_gets_a_small_thumbnail():
    found = inspect(encoded(Image.new("RGB", (1000, 500), "red"), "JPEG"))

    assert (found.width, found.height) == (1000, 500)
    assert found.shown is None
    assert opened(found.thumbnail).size == (384, 192)


def test_exif_rotation_turns_the_size_and_the_thumbnail():
    exif = Image.Exif()
    exif[0x0112] = 6

    found = inspect(encoded(Image.new("RGB", (1000, 500)), "JPEG", exif=exif))

    assert (found.width, found.height) == (500, 1000)
    assert opened(found.thumbnail).size == (192, 384)


@pytest.mark.parametrize("mode", ["I;16", "CMYK", "L", "P", "1", "RGBA", "F"])
def test_every_mode_becomes_something_a_browser_shows(mode: str):
    form = "PNG" if mode in {"L", "P", "1", "RGBA", "I;16"} else "TIFF"

    found = inspect(encoded(Image.new(mode, (40, 30)), form))

    assert found.shown_media_type in {"image/jpeg", "image/png"}
    assert opened(found.thumbnail).mode == "RGB"


def test_sixteen_bits_are_stretched_over_what_is_there():
    deep = Image.new("I;16", (2, 1))
    deep.putpixel((0, 0), 1000)
    deep.putpixel((1, 0), 3000)

    found = inspect(encoded(deep, "PNG"))

    assert found.shown is not None
    shown = opened(found.shown)
    assert (shown.getpixel((0, 0)), shown.getpixel((1, 0))) == (
        (0, 0, 0),
        (255, 255, 255),
    )


def test_a_window_of_deep_values_is_black_below_and_white_above():
    exif = Image.Exif()
    exif[0x0112] = 6
    row = array("H", [1000] * 100 + [3000] * 100 + [5000] * 100)
    deep = Image.frombytes("I;16", (300, 100), row.tobytes() * 100)
    file = encoded(deep, "PNG", exif=exif)

    assert levels_of(file) == (1000, 5000)
    shown = opened(windowed(file, low=2000, high=4000))

    assert (shown.mode, shown.size) == ("L", (100, 300))
    values = [shown.getpixel((50, y)) for y in (50, 150, 250)]
    assert values == [0, pytest.approx(127, abs=2), 255]


def test_an_image_of_eight_bits_has_no_levels():
    flat = encoded(Image.new("L", (4, 4)), "PNG")

    assert levels_of(flat) is None
    with pytest.raises(NotAnImageError, match="8 bits a channel"):
        windowed(flat, low=0, high=9)


@pytest.mark.parametrize(("low", "high"), [(9, 9), (10, 2), (float("nan"), 2)])
def test_a_window_that_is_none_is_refused(low: float, high: float):
    with pytest.raises(NotAnImageError, match="must lie below"):
        windowed(encoded(Image.new("I;16", (4, 4)), "PNG"), low=low, high=high)


def test_an_animation_is_its_first_frame():
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]

    found = inspect(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    assert found.shown is not None
    assert opened(found.shown).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<html><script>alert(1)</script></html>",
        b"\xff\xd8\xff\xe0 but no more",
        b"%PDF-1.4",
        b"GIF89a",
    ],
)
def test_what_is_no_image_is_refused_by_content(content: bytes):
    with pytest.raises(NotAnImageError, match="send a whole JPEG"):
        inspect(io.BytesIO(content))


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_truncated_file_is_refused(form: str):
    noise = Image.effect_noise((300, 300), 90).convert("RGB")
    whole = encoded(noise, form).getvalue()

    with pytest.raises(NotAnImageError, match="send a whole JPEG"):
        inspect(io.BytesIO(whole[: len(whole) // 2]))


def test_a_bomb_is_refused_before_it_is_decoded(settings):
    settings.MAX_IMAGE_PIXELS = settings.MAX_TILED_PIXELS = 10_000

    with pytest.raises(TooLargeError, match="101 x 100 pixels"):
        inspect(encoded(Image.new("RGB", (101, 100)), "PNG"))
