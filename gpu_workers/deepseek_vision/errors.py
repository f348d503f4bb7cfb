"""What this package refuses, each with one clear sentence."""


class VisionError(Exception):
    """Anything a caller can put right; its text is one line meant for people."""


class ImageError(VisionError):
    """A file that cannot be read as a picture."""


class UnknownModelError(VisionError):
    """A model or precision name that does not exist here; the text lists what does."""


class ModelFormatError(VisionError):
    """A model directory or weights file that is not of this format."""


class DatasetError(VisionError):
    """A data set that cannot be trained or evaluated on."""
