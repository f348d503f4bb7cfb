"""How alike two people's shapes are, as intersection over union."""

from dataclasses import dataclass
from uuid import UUID

from PIL import Image as Pillow
from PIL import ImageChops, ImageDraw

from apps.core.boxes import iou
from apps.labeling.formats.geometry import BBox, outline, unpack
from apps.labeling.types import ShapeKind

# Shapes that cover something, of whatever kind, are compared by what they cover.
AREAS = frozenset(
    {
        ShapeKind.BOX,
        ShapeKind.ROTATED_BOX,
        ShapeKind.ELLIPSE,
        ShapeKind.POLYGON,
        ShapeKind.MASK,
    }
)
# Outlines are compared on a raster; its side limits the error to about a hundredth.
RASTER_PX = 256
# A line and a point cover nothing: they are compared by boxes grown by this share of
# the image's longer side.
GROWN_BY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A shape as somebody drew it.

    Attributes:
        bbox: In pixels of the upright image.
        packed: Its geometry beyond that (labeling.formats.geometry).
        side_px: The image's longer side.
    """

    uid: UUID
    label_id: int
    kind: ShapeKind
    bbox: BBox
    packed: bytes = b""
    side_px: int = 0


def likeness(a: Drawn, b: Drawn) -> float:
    """Intersection over union; 0 for shapes of kinds that cannot be compared.

    Tags are alike if they say the same.
    """
    if a.kind is ShapeKind.TAG or b.kind is ShapeKind.TAG:
        return float(a.kind is b.kind and a.label_id == b.label_id)
    if {a.kind, b.kind} <= AREAS:
        alike = iou(a.bbox, b.bbox)
        if alike == 0 or a.kind is b.kind is ShapeKind.BOX:
            return alike
        return _raster_iou(a, b)
    if a.kind is not b.kind:
        return 0.0
    return iou(_grown(a), _grown(b))


def _grown(one: Drawn) -> BBox:
    by = GROWN_BY * max(one.side_px, 1)
    x1, y1, x2, y2 = one.bbox
    return (x1 - by, y1 - by, x2 + by, y2 + by)


def _raster_iou(a: Drawn, b: Drawn) -> float:
    left, top = min(a.bbox[0], b.bbox[0]), min(a.bbox[1], b.bbox[1])
    right, bottom = max(a.bbox[2], b.bbox[2]), max(a.bbox[3], b.bbox[3])
    scale = RASTER_PX / max(right - left, bottom - top, 1e-9)
    size = (
        max(1, round((right - left) * scale)),
        max(1, round((bottom - top) * scale)),
    )
    one, other = (_painted(shape, (left, top), scale, size) for shape in (a, b))
    union = ImageChops.lighter(one, other).histogram()[255]
    return ImageChops.darker(one, other).histogram()[255] / union if union else 0.0


def _painted(
    shape: Drawn, origin: tuple[float, float], scale: float, size: tuple[int, int]
) -> Pillow.Image:
    canvas = Pillow.new("L", size)
    if shape.kind is ShapeKind.MASK:
        _paint_mask(canvas, shape, origin, scale)
        return canvas
    draw = ImageDraw.Draw(canvas)
    for number, ring in enumerate(_rings(shape)):
        points = [((x - origin[0]) * scale, (y - origin[1]) * scale) for x, y in ring]
        draw.polygon(points, fill=0 if number else 255)
    return canvas


def _rings(shape: Drawn) -> list[list[list[float]]]:
    if shape.kind is not ShapeKind.BOX:
        return outline(shape.kind, shape.packed)
    x1, y1, x2, y2 = shape.bbox
    return [[[x1, y1], [x2, y1], [x2, y2], [x1, y2]]]


def _paint_mask(
    canvas: Pillow.Image, shape: Drawn, origin: tuple[float, float], scale: float
) -> None:
    geometry = unpack(shape.kind, shape.packed) or {}
    (x, y), (width, height) = geometry["origin"], geometry["size"]
    pixels = b"".join(
        (b"\xff" if number % 2 else b"\x00") * count
        for number, count in enumerate(geometry["counts"])
    )
    # Runs go down the columns: rows of a picture that lies on its side.
    lying = Pillow.frombytes("L", (height, width), pixels)
    upright = lying.transpose(Pillow.Transpose.TRANSPOSE)
    fitted = upright.resize(
        (max(1, round(width * scale)), max(1, round(height * scale))),
        Pillow.Resampling.NEAREST,
    )
    at = (round((x - origin[0]) * scale), round((y - origin[1]) * scale))
    canvas.paste(fitted, at)
