"""Photos of textures of three kinds, made here for machines without a folder of real photos: fur, bark and sand.

Fur is a field of short strokes in one direction, bark of long strokes with dark gaps, sand has no direction at all.
Colour, brightness, direction and scale vary as much within a kind as between the kinds, so that no mean of pixels
tells them.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d, rotate

CLASSES = ("fur", "bark", "sand")


def paint(photos: int, size: int = 32, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Make photos of the three kinds in equal shares, in random order.

    Args:
        photos: How many in all.
        size: Pixels of an edge.
        seed: Of everything random.

    Returns:
        X of shape (photos, size, size, 3), float32, 0..255, and y of shape (photos,), class ids 0..2.
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(photos) % 3)
    return np.stack([_photo(rng, int(c), size) for c in y]), y


def _photo(rng: np.random.Generator, kind: int, size: int) -> np.ndarray:
    scale = rng.uniform(0.7, 1.4)
    along, across = ((2.5, 0.6), (6.0, 1.2), (0.9, 0.9))[kind]
    field = rng.normal(size=(2 * size, 2 * size))
    field = gaussian_filter1d(gaussian_filter1d(field, along * scale, 0), across * scale, 1)
    field = rotate(field, rng.uniform(0, 180), reshape=False, order=1, mode="wrap")
    field = field[size // 2 : size // 2 + size, size // 2 : size // 2 + size]
    field = (field - field.mean()) / field.std()
    if kind == 1:
        field = np.minimum(field, 0.3)
    colour, contrast = rng.uniform(70, 190, 3), rng.uniform(15, 45, 3)
    noise = rng.normal(size=(size, size, 3)) * rng.uniform(2, 12)
    return np.clip(colour + contrast * field[..., None] + noise, 0, 255).astype("float32")
