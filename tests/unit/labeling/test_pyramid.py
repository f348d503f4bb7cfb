"""Where the tiles of a very large image lie."""

import zipfile
from pathlib import Path

import pytest

from apps.labeling.formats.pyramid import (
    ENTRY,
    grid_of,
    index_of,
    levels_of,
    number_of,
)


def test_levels_double_up_to_the_image_from_what_fits_one_tile():
    assert levels_of((20_000, 12_001)) == [
        (313, 188), (625, 376), (1250, 751), (2500, 1501), (5000, 3001),
        (10_000, 6001), (20_000, 12_001),
    ]  # fmt: skip
    assert levels_of((512, 40)) == [(512, 40)]
    assert grid_of((10_000, 6001)) == (20, 12)


@pytest.mark.parametrize("size", [(1, 1), (513, 512), (2000, 1300)])
def test_each_tile_has_a_number_of_its_own(size: tuple[int, int]):
    numbers = [
        number_of(size, level=level, column=column, row=row)
        for level, each in enumerate(levels_of(size))
        for row in range(grid_of(each)[1])
        for column in range(grid_of(each)[0])
    ]
    assert numbers == list(range(len(numbers)))


@pytest.mark.parametrize("at", [(3, 0, 0), (-1, 0, 0), (2, 4, 0), (2, 0, 3), (0, 1, 0)])
def test_what_is_no_tile_has_no_number(at: tuple[int, int, int]):
    level, column, row = at
    assert number_of((2000, 1300), level=level, column=column, row=row) is None


def zip_of(path: Path, names: list[str], *, compression: int) -> Path:
    with zipfile.ZipFile(path, "w", compression) as out:
        for name in names:
            out.writestr(name, f"<{name}>" * 9)
    return path


def test_the_index_finds_tiles_in_whatever_order_they_lie(tmp_path: Path):
    names = ["t/1/1_0.jpg", "t/0/0_0.jpg", "t.dzi", "t/1/0_0.jpg"]
    path = zip_of(tmp_path / "a.zip", names, compression=zipfile.ZIP_STORED)

    index = index_of(path, (1000, 300))

    found = [
        path.read_bytes()[first : first + length].decode()
        for first, length in ENTRY.iter_unpack(index)
    ]
    assert found == [f"<t/{name}.jpg>" * 9 for name in ("0/0_0", "1/0_0", "1/1_0")]


def test_a_file_that_lacks_a_tile_or_compresses_them_is_refused(tmp_path: Path):
    names = ["t/0/0_0.jpg", "t/1/0_0.jpg"]
    lacks = zip_of(tmp_path / "a.zip", names, compression=zipfile.ZIP_STORED)
    packed = zip_of(tmp_path / "b.zip", names, compression=zipfile.ZIP_DEFLATED)

    with pytest.raises(ValueError, match="no tile 1, 0 at level 1"):
        index_of(lacks, (1000, 300))
    with pytest.raises(ValueError, match="is compressed"):
        index_of(packed, (600, 300))
