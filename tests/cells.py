"""A made-up microscope picture: bright round cells on a dark ground, some touching."""

import io

import numpy as np
from PIL import Image, ImageFilter

SIZE = (320, 240)
# Middle, half axes.
CELLS = (
    (60, 60, 16, 12), (120, 70, 13, 15), (200, 60, 17, 13), (224, 82, 13, 13),
    (70, 150, 14, 18), (150, 150, 15, 15), (180, 158, 14, 17), (260, 170, 18, 14),
)  # fmt: skip


def draw_cells() -> bytes:
    """The picture as PNG, the same each time."""
    width, height = SIZE
    y, x = np.mgrid[:height, :width]
    light = np.full((height, width), 18.0)
    for across, down, a, b in CELLS:
        distance = ((x - across) / a) ** 2 + ((y - down) / b) ** 2
        light = np.where(distance < 1, 190 - 60 * distance, light)
    noisy = light + np.random.default_rng(3).normal(0, 6, light.shape)
    image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert("RGB")
    file = io.BytesIO()
    image.filter(ImageFilter.GaussianBlur(1.2)).save(file, "PNG")
    return file.getvalue()
