"""The colours of before and after stay apart for those who see no red, no green or no blue."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from remedy.reporting.figures._panels import AFTER, BEFORE, MARK

# Machado, Oliveira and Fernandes, "A physiologically-based model for simulation of color vision deficiency", IEEE TVCG
# 15(6), 2009: full severity, on linear RGB.
SEEN = {
    "normal": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
FAR = 20.0
"""Distance in CIE L*a*b* (Delta E 1976) that nobody takes for the same colour; about 2 is just noticeable."""


def _lab(colour, matrix):
    linear = np.asarray([c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)])
    seen = np.clip(np.asarray(matrix) @ linear, 0, 1)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    scaled = to_xyz @ seen / [0.9505, 1.0, 1.089]
    f = np.where(scaled > 216 / 24389, np.cbrt(scaled), (24389 / 27 * scaled + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SEEN)
def test_before_after_and_what_they_are_compared_with_are_three_colours(sight):
    for one, other in itertools.combinations((BEFORE, AFTER, MARK), 2):
        assert np.linalg.norm(_lab(one, SEEN[sight]) - _lab(other, SEEN[sight])) > FAR
