"""Tiles of very large images, and pieces put together from them."""

import io
from typing import TYPE_CHECKING

from django.db.models import BinaryField
from django.db.models.functions import Substr
from django.utils.translation import gettext as _
from PIL import Image as PillowImage

from apps.core import blobs
from apps.core.errors import NotFoundError
from apps.labeling.errors import TilesNotReadyError
from apps.labeling.formats.pyramid import ENTRY, TILE_PX, levels_of, number_of
from apps.labeling.models import Image, Pyramid
from apps.labeling.selectors.access import access_image

if TYPE_CHECKING:
    from apps.accounts.models import User
    from apps.labeling.formats.crops import Region


def access_tiled(*, user: "User", image_id: int) -> Image:
    """Return an image that is drawn tile by tile.

    Raises:
        NotFoundError: No such image for this user, or one that is shown whole.
    """
    image = access_image(user=user, image_id=image_id)
    if not image.is_tiled:
        raise NotFoundError(_("this image has no tiles: it is shown whole"))
    return image


def read_tile(image: Image, *, level: int, column: int, row: int) -> bytes:
    """A tile as JPEG.

    Raises:
        NotFoundError: There is no such tile.
        TilesNotReadyError: They are not cut yet.
    """
    size = image.width, image.height
    number = number_of(size, level=level, column=column, row=row)
    if number is None:
        raise NotFoundError(_("no such tile"))
    entry = Substr(
        "index", ENTRY.size * number + 1, ENTRY.size, output_field=BinaryField()
    )
    rows = Pyramid.objects.filter(image_id=image.pool_id).exclude(tiles_sha256="")
    found = rows.values_list("tiles_sha256", entry).first()
    if found is None:
        raise TilesNotReadyError(
            _("this image is still being cut into tiles: try again in a moment")
        )
    first, length = ENTRY.unpack(found[1])
    return blobs.read_stretch(found[0], first, length)


def read_region(image: Image, region: "Region", *, most_px: int) -> PillowImage.Image:
    """A piece of an image, put together from tiles: at most twice ``most_px`` a side.

    Raises:
        TilesNotReadyError: They are not cut yet.
    """
    levels = levels_of((image.width, image.height))
    level, longer = len(levels) - 1, max(region[2] - region[0], region[3] - region[1])
    while level > 0 and longer >= 2 * most_px:
        level, longer = level - 1, longer // 2
    scale = levels[level][0] / image.width, levels[level][1] / image.height
    left, top = int(region[0] * scale[0]), int(region[1] * scale[1])
    right = max(min(round(region[2] * scale[0]), levels[level][0]), left + 1)
    bottom = max(min(round(region[3] * scale[1]), levels[level][1]), top + 1)
    piece = PillowImage.new("RGB", (right - left, bottom - top))
    for row in range(top // TILE_PX, (bottom - 1) // TILE_PX + 1):
        for column in range(left // TILE_PX, (right - 1) // TILE_PX + 1):
            data = read_tile(image, level=level, column=column, row=row)
            with PillowImage.open(io.BytesIO(data)) as tile:
                piece.paste(tile, (column * TILE_PX - left, row * TILE_PX - top))
    return piece
