"""Label Studio's brush regions: runs of an image's red, green, blue and opacity.

Its editor packs bits, the form of thi.ng's rle-pack: how many values there are (32
bits), how long one is (5), four lengths of counts (4 each); then blocks. A block's first
bit says whether one value follows that holds for all of it or a value for each, two bits
which length its count has, and the count is one less than it stands for.
"""

from apps.labeling.formats.geometry import mask_runs
from apps.labeling.formats.masks import from_image_runs, runs_of, transpose_runs

COUNT_BITS = (3, 4, 8, 16)
LONGEST = 1 << COUNT_BITS[-1]
ON = 255
_CHANNELS = 4
_IS_ON = bytes([0]) + bytes([1]) * 255


def write_brush(packed: bytes, *, width: int, height: int) -> list[int]:
    """Write a mask as the bytes of a brush region."""
    columns = mask_runs(packed, width=width, height=height)
    rows = transpose_runs(columns, width=height, height=width)
    bits = _Bits()
    bits.add(_CHANNELS * width * height, 32)
    bits.add(8 - 1, 5)
    for length in COUNT_BITS:
        bits.add(length - 1, 4)
    for number, count in enumerate(rows):
        left = _CHANNELS * count
        while left > 0:
            some = min(left, LONGEST)
            which = next(n for n, size in enumerate(COUNT_BITS) if some <= 1 << size)
            bits.add(0b100 | which, 3)
            bits.add(some - 1, COUNT_BITS[which])
            bits.add(ON * (number % 2), 8)
            left -= some
    return list(bits.all())


class _Bits:
    def __init__(self) -> None:
        self._done = bytearray()
        self._open, self._num_open = 0, 0

    def add(self, value: int, size: int) -> None:
        self._open, self._num_open = self._open << size | value, self._num_open + size
        whole, self._num_open = divmod(self._num_open, 8)
        self._done += (self._open >> self._num_open).to_bytes(whole, "big")
        self._open &= (1 << self._num_open) - 1

    def all(self) -> bytes:
        return bytes(self._done) + bytes([self._open << 8 - self._num_open])


def read_brush(content: bytes, *, width: int, height: int) -> bytes | None:
    """Pack what a brush region covers at all; None where that is nothing.

    Raises:
        ValueError: It is cut off, or is not of an image of this size.
    """
    bits = _Reader(content)
    num = bits.read(32)
    if num != _CHANNELS * width * height:
        raise ValueError(
            f"it has {num} values, {width} x {height} pixels have "
            f"{_CHANNELS * width * height}"
        )
    if (size := bits.read(5) + 1) != 8:
        raise ValueError(f"its values have {size} bits, not 8")
    lengths = [bits.read(4) + 1 for _length in COUNT_BITS]
    values = bytearray()
    while len(values) < num:
        is_one = bits.read(1)
        count = bits.read(lengths[bits.read(2)]) + 1
        one = bits.read(8 if is_one else 8 * count)
        values += bytes([one]) * count if is_one else one.to_bytes(count, "big")
    if len(values) > num:
        raise ValueError("its last run is too long")
    cells = values[_CHANNELS - 1 :: _CHANNELS].translate(_IS_ON)
    if not any(cells):
        return None
    columns = bytearray().join(cells[column::width] for column in range(width))
    return from_image_runs(runs_of(columns), width=width, height=height)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def read(self, size: int) -> int:
        first, end = self._at >> 3, self._at + size
        if end > 8 * len(self._content):
            raise ValueError("its runs are cut off")
        last = (end + 7) >> 3
        found = int.from_bytes(self._content[first:last], "big") >> 8 * last - end
        self._at = end
        return found & (1 << size) - 1
