"""Where the tiles of a very large image lie: levels, numbers, and an index into a file.

Level 0 is one tile; each level is twice as large as the one before, and the last is the
image itself. Tiles are numbered row by row, from level 0 on.
"""

import struct
import zipfile
from pathlib import Path

TILE_PX = 512
ENTRY = struct.Struct("<QI")  # of the index: where a tile begins, and its length
_LOCAL_HEADER = struct.Struct("<26xHH")  # of a zip: what it ends in are two lengths
Size = tuple[int, int]


def levels_of(size: Size) -> list[Size]:
    """Width and height of each level, the smallest first."""
    sizes = [size]
    while max(sizes[-1]) > TILE_PX:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes[::-1]


def grid_of(size: Size) -> Size:
    """Columns and rows of a level's tiles."""
    return -(-size[0] // TILE_PX), -(-size[1] // TILE_PX)


def number_of(size: Size, *, level: int, column: int, row: int) -> int | None:
    """A tile's place in the index; None where there is no such tile."""
    grids = [grid_of(each) for each in levels_of(size)]
    if not 0 <= level < len(grids):
        return None
    columns, rows = grids[level]
    if not (0 <= column < columns and 0 <= row < rows):
        return None
    before = sum(across * down for across, down in grids[:level])
    return before + row * columns + column


def index_of(path: Path, size: Size) -> bytes:
    """Where each tile of an uncompressed zip of Deep Zoom tiles lies.

    Raises:
        ValueError: A tile is missing, or compressed.
    """
    places: dict[tuple[int, int, int], tuple[int, int]] = {}
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        for info in archive.infolist():
            folder, _, name = info.filename.rpartition("/")
            column, _, row = name.partition(".")[0].partition("_")
            if info.is_dir() or not (column.isdecimal() and row.isdecimal()):
                continue
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{info.filename} is compressed")
            file.seek(info.header_offset)
            name_bytes, extra_bytes = _LOCAL_HEADER.unpack(
                file.read(_LOCAL_HEADER.size)
            )
            begin = info.header_offset + _LOCAL_HEADER.size + name_bytes + extra_bytes
            level = int(folder.rpartition("/")[2])
            places[level, int(column), int(row)] = begin, info.file_size
    index = bytearray()
    for level, each in enumerate(levels_of(size)):
        columns, rows = grid_of(each)
        for row_at in range(rows):
            for column_at in range(columns):
                place = places.get((level, column_at, row_at))
                if place is None:
                    raise ValueError(f"no tile {column_at}, {row_at} at level {level}")
                index += ENTRY.pack(*place)
    return bytes(index)
