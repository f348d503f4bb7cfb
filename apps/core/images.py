"""Judges uploaded images by what they contain, under limits."""

import io
import struct
import warnings
from dataclasses import dataclass
from typing import IO, cast

from django.conf import settings
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from apps.core.errors import DomainError, TooLargeError

MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "TIFF": "image/tiff",
}
SHOWN_AS_IS = {"JPEG": {"L", "RGB"}, "PNG": {"1", "L", "LA", "P", "RGB", "RGBA"}}
# What Pillow's decoders raise on damaged files.
DAMAGED = (
    UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, LookupError,
    TypeError, AttributeError, ArithmeticError, struct.error,
)  # fmt: skip
# Our own limit is judged first, and says how many pixels there are.
Image.MAX_IMAGE_PIXELS = None
WINDOWED_QUALITY = 92
WINDOWED_MODES = {"I", "I;16", "I;16B", "I;16L", "F"}


class NotAnImageError(DomainError):
    code = "bad_image"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """An image that was decoded whole.

    Attributes:
        width: In pixels, upright.
        thumbnail: A small JPEG, upright.
        shown: An upright copy for browsers; None where they show the original.
        shown_media_type: The form of ``shown``, or of the original.
    """

    width: int
    height: int
    media_type: str
    thumbnail: bytes
    shown: bytes | None
    shown_media_type: str


def inspect(file: IO[bytes]) -> Inspected:
    """Decode an image and make what pages need of it.

    Raises:
        NotAnImageError: Not one of MEDIA_TYPES, truncated or otherwise broken.
        TooLargeError: More pixels than MAX_IMAGE_PIXELS, judged before decoding.
    """
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _inspect(file)
    except DAMAGED as exc:
        raise NotAnImageError(
            _(
                "this file is not an image that can be read ({reason}): "
                "send a whole JPEG, PNG, WebP, BMP, GIF or TIFF"
            ).format(reason=_reason(exc))
        ) from exc


def _reason(exc: BaseException) -> str:
    if isinstance(exc, UnidentifiedImageError):
        return _("unknown format")
    return str(exc).split(" <")[0][:120] or type(exc).__name__


def _inspect(file: IO[bytes]) -> Inspected:
    image = Image.open(file, formats=list(MEDIA_TYPES))
    # Phones append a second picture; browsers show the first, as they do of any JPEG.
    is_pair = image.format == "MPO"
    form = "JPEG" if is_pair else image.format or ""
    num_pixels = image.width * image.height
    if num_pixels > settings.MAX_TILED_PIXELS:
        raise TooLargeError(
            _(
                "{width} x {height} pixels are more than "
                "{limit} megapixels: cut it into several images"
            ).format(
                width=image.width,
                height=image.height,
                limit=settings.MAX_TILED_PIXELS // 1_000_000,
            )
        )
    is_turned = image.getexif().get(0x0112, 1) in {5, 6, 7, 8}
    width, height = (
        (image.height, image.width) if is_turned else (image.width, image.height)
    )
    num_frames = 1 if is_pair else getattr(image, "n_frames", 1)
    is_shown_as_is = image.mode in SHOWN_AS_IS.get(form, set()) and num_frames == 1
    if form == "WEBP" and num_frames == 1:
        is_shown_as_is = True
    side = settings.THUMBNAIL_PX
    if num_pixels > settings.MAX_IMAGE_PIXELS:
        _check_streams(image, is_shown_as_is=is_shown_as_is)
        return Inspected(
            width=width,
            height=height,
            media_type=MEDIA_TYPES[form],
            thumbnail=_streamed_thumbnail(file, side, is_jpeg=form == "JPEG"),
            shown=None,
            shown_media_type=MEDIA_TYPES[form],
        )
    if is_shown_as_is:
        image.draft("RGB", (side, side))  # decodes a JPEG at an eighth where it can
        image.load()
        shown = None
    else:
        image.load()
        shown = _encode(ImageOps.exif_transpose(_eight_bit(image)), "PNG")
    thumbnail = ImageOps.exif_transpose(_eight_bit(image))
    thumbnail.thumbnail((side, side), Image.Resampling.BILINEAR)
    return Inspected(
        width=width,
        height=height,
        media_type=MEDIA_TYPES[form],
        thumbnail=_encode(thumbnail.convert("RGB"), "JPEG"),
        shown=shown,
        shown_media_type=MEDIA_TYPES[form] if shown is None else "image/png",
    )


def _check_streams(image: Image.Image, *, is_shown_as_is: bool) -> None:
    """Refuse a large image that could not be read row by row."""
    is_whole = image.info.get("progressive") or image.info.get("interlace")
    if is_shown_as_is and image.format in SHOWN_AS_IS and not is_whole:
        return
    raise TooLargeError(
        _(
            "an image of {width} x {height} pixels must be a JPEG that is not "
            "progressive, or a PNG of 8 bits that is not interlaced: save it so"
        ).format(width=image.width, height=image.height)
    )


def _streamed_thumbnail(file: IO[bytes], side: int, *, is_jpeg: bool) -> bytes:
    """Decode an image row by row to its end, and keep a small one of it."""
    import pyvips  # noqa: PLC0415 -- 60 MB that most processes never need

    def read(num_bytes: int) -> bytes:
        return file.read(num_bytes)

    def seek(offset: int, whence: int) -> int:
        return file.seek(offset, whence)

    file.seek(0)
    source = pyvips.SourceCustom()
    source.on_read(read)
    source.on_seek(seek)
    try:
        image = pyvips.Image.new_from_source(
            source,
            "",
            access="sequential",
            fail_on="truncated",
            **({"shrink": 8} if is_jpeg else {}),
        )
        small = image.thumbnail_image(side, height=side, size="down", no_rotate=True)
        upright = small.copy_memory().autorot()
        data: bytes = upright.jpegsave_buffer(Q=80, background=255)
    except pyvips.Error as error:
        raise OSError(error.detail.strip().partition("\n")[0]) from error
    return data


def levels_of(file: IO[bytes]) -> tuple[float, float] | None:
    """The darkest and the lightest value of a deep grey image; None for all others."""
    image = Image.open(file, formats=list(MEDIA_TYPES))
    return _extremes(image) if image.mode in WINDOWED_MODES else None


def windowed(file: IO[bytes], *, low: float, high: float) -> bytes:
    """Draw a deep grey image upright as JPEG: black up to `low`, white from `high` on.

    Raises:
        NotAnImageError: It is no deep grey image, or the window is empty.
    """
    if not low < high:
        raise NotAnImageError(
            _("the darkest level ({low}) must lie below the lightest ({high})").format(
                low=f"{low:g}", high=f"{high:g}"
            )
        )
    image = Image.open(file, formats=list(MEDIA_TYPES))
    if image.mode not in WINDOWED_MODES:
        raise NotAnImageError(
            _("this image has 8 bits a channel and needs no levels: leave them out")
        )
    grey = ImageOps.exif_transpose(_stretched(image, low, high))
    out = io.BytesIO()
    grey.save(out, "JPEG", quality=WINDOWED_QUALITY)
    return out.getvalue()


def _extremes(image: Image.Image) -> tuple[float, float]:
    return cast("tuple[float, float]", image.convert("F").getextrema())  # one band


def _stretched(image: Image.Image, low: float, high: float) -> Image.Image:
    scale = 255.0 / (high - low) if high > low else 0.0
    wide = image.convert("F")
    return wide.point(lambda value: value * scale - low * scale).convert("L")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Bring any mode to RGB; deep grey is stretched from its darkest to its lightest."""
    if image.mode not in WINDOWED_MODES:
        return image.convert("RGB")
    return _stretched(image, *_extremes(image)).convert("RGB")


def _encode(image: Image.Image, form: str) -> bytes:
    out = io.BytesIO()
    image.save(out, form, quality=80)
    return out.getvalue()
