# ruff: noqa: N815 -- array fields end in their shape, like every array here
"""Slices of medical volumes, DICOM and NIfTI, as pictures with a known scale.

Both need the extra ``medical`` (pydicom, nibabel). Slices lie as radiologists look at
them: axial, the patient's right on the left, the front at the top.
"""

import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepseek_vision.errors import ImageError
from deepseek_vision.images import MAX_PIXELS, Picture

SUFFIXES = (".dcm", ".nii", ".nii.gz")
Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Values in the file's own unit: Hounsfield units for CT.

    `spacing_mm` is the height and width of a pixel, `window` the lowest and highest
    value that the file wants shown; None where it does not say.
    """

    name: str
    values_HW: Values
    spacing_mm: tuple[float, float] | None = None
    window: tuple[float, float] | None = None
    is_inverted: bool = False

    def picture(self, window: tuple[float, float] | None = None) -> Picture:
        """8-bit grey, from black at the window's low end to white at its high one.

        Without a window here or in the file it is the range of 99 % of the values.
        """
        low, high = window or self.window or _usual_window(self.values_HW)
        share = (self.values_HW - low) / max(high - low, 1e-6)
        grey = (np.clip(share, 0, 1) * 255).round().astype(np.uint8)
        if self.is_inverted:
            grey = 255 - grey
        height, width = grey.shape
        pixels = np.repeat(grey[..., None], 3, axis=2)
        return Picture(pixels=pixels, width=width, height=height)


def is_medical(path: Path) -> bool:
    """Whether the name, or the first bytes, are those of a DICOM or NIfTI file."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_slices(path: Path) -> Iterator[Slice]:
    """The slices of a file, from foot to head for a volume.

    Raises:
        ImageError: naming the file and what is wrong with it, or what to install.
    """
    if not path.is_file():
        raise ImageError(f"{path}: no such file")
    if path.name.lower().endswith((".nii", ".nii.gz")):
        yield from _read_nifti(path)
    else:
        yield from _read_dicom(path)


def _library(name: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise ImageError(
            f"{path}: reading it needs {name}; install it with "
            "pip install 'dsportal[medical]'"
        ) from None


def _read_dicom(path: Path) -> Iterator[Slice]:
    pydicom = _library("pydicom", path)
    errors = importlib.import_module("pydicom.errors")
    try:
        with warnings.catch_warnings():
            # Files in the wild break the standard in harmless ways.
            warnings.simplefilter("ignore")
            file = pydicom.dcmread(path)
            frames, rescaled = _frames(file, path)
    except errors.InvalidDicomError:
        raise ImageError(f"{path}: not a DICOM file") from None
    except (OSError, EOFError, ValueError, NotImplementedError) as error:
        raise ImageError(f"{path}: damaged or cut off ({error})") from None
    except (AttributeError, KeyError, RuntimeError) as error:
        # pydicom's plugins say in several lines which packages would decode it.
        reason = str(error).splitlines()[0]
        raise ImageError(f"{path}: has no pixels that can be read ({reason})") from None
    is_inverted = file.get("PhotometricInterpretation") == "MONOCHROME1"
    for number, values in enumerate(frames):
        yield Slice(
            name=path.stem if len(frames) == 1 else f"{path.stem}_{number:04d}",
            values_HW=values * rescaled[0] + rescaled[1],
            spacing_mm=_spacing(file),
            window=_window(file),
            is_inverted=is_inverted,
        )


def _frames(file: Any, path: Path) -> tuple[Values, tuple[float, float]]:
    """Grey frames N H W, and by what they are rescaled."""
    size = int(file.get("Rows", 0)) * int(file.get("Columns", 0))
    if size * int(file.get("NumberOfFrames", 1) or 1) > MAX_PIXELS:
        raise ImageError(f"{path}: more than {MAX_PIXELS:,} pixels")
    array = np.asarray(file.pixel_array, np.float32)
    if int(file.get("SamplesPerPixel", 1)) > 1:
        array = array.mean(axis=-1)
    frames = array if array.ndim == 3 else array[None]
    slope = float(file.get("RescaleSlope", 1) or 1)
    return frames, (slope, float(file.get("RescaleIntercept", 0) or 0))


def _spacing(file: Any) -> tuple[float, float] | None:
    given = file.get("PixelSpacing") or file.get("ImagerPixelSpacing")
    if given is None or len(given) != 2 or min(map(float, given)) <= 0:
        return None
    return float(given[0]), float(given[1])


def _window(file: Any) -> tuple[float, float] | None:
    centre, width = file.get("WindowCenter"), file.get("WindowWidth")
    if centre is None or width is None:
        return None
    middle, reach = (_first(each) for each in (centre, width))
    return (middle - reach / 2, middle + reach / 2) if reach > 0 else None


def _first(value: Any) -> float:
    # Several windows may be given; the first one is the usual one.
    return float(value[0] if hasattr(value, "__len__") else value)


def _read_nifti(path: Path) -> Iterator[Slice]:
    nibabel = _library("nibabel", path)
    filebased = importlib.import_module("nibabel.filebasedimages")
    try:
        volume = nibabel.as_closest_canonical(nibabel.load(path))
        shape = volume.shape
        if len(shape) not in {2, 3, 4} or 0 in shape:
            raise ImageError(f"{path}: a volume of shape {shape} has no slices")
        if int(np.prod(shape[:3], dtype=np.int64)) > 4 * MAX_PIXELS:
            raise ImageError(f"{path}: more than {4 * MAX_PIXELS:,} values")
        values = np.asarray(volume.dataobj, np.float32)
    except filebased.ImageFileError as error:
        raise ImageError(f"{path}: not a NIfTI file ({error})") from None
    except (OSError, EOFError, ValueError) as error:
        raise ImageError(f"{path}: damaged or cut off ({error})") from None
    if values.ndim == 4:
        values = values[..., 0]
    if values.ndim == 2:
        values = values[..., None]
    zooms = [float(z) for z in volume.header.get_zooms()[:2]]
    stem = path.name.split(".nii", maxsplit=1)[0]
    for number in range(values.shape[2]):
        # Canonical axes go right, forward and up; pictures go left and back.
        plane = np.ascontiguousarray(values[::-1, ::-1, number].T)
        yield Slice(
            name=f"{stem}_{number:04d}",
            values_HW=np.nan_to_num(plane),
            spacing_mm=(zooms[1], zooms[0]) if min(zooms) > 0 else None,
        )


def _usual_window(values_HW: Values) -> tuple[float, float]:
    low, high = np.percentile(values_HW, (0.5, 99.5))
    return float(low), float(high)
