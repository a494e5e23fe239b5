"""Frames of amplitude-shift keying as a radio receives them: OOK, 4ASK and 8ASK in complex baseband.

Symbols are shaped by root-raised-cosine pulses (roll-off 0.35, 8 samples a symbol), sampled at a random time, turned by
a random phase and a small carrier offset, and given white noise; every frame has unit power. The classes are three of
O'Shea, Roy and Clancy, "Over-the-air deep learning based radio signal classification", IEEE J. Sel. Topics Signal
Process. 12(1), 2018; the frames are generated here and come from no recording.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve

CLASSES = ("OOK", "4ASK", "8ASK")
LEVELS = ((0, 1), (-3, -1, 1, 3), (-7, -5, -3, -1, 1, 3, 5, 7))
SAMPLES = 8
"""Samples a symbol."""
ROLL_OFF = 0.35
OFFSET = 0.002
"""Largest carrier offset, in cycles a sample."""


def generate(
    frames: int, length: int = 1024, snr: tuple[float, float] = (10.0, 30.0), seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Generate frames of the three classes in equal shares, in random order.

    Args:
        frames: How many in all.
        length: Samples of a frame.
        snr: Signal-to-noise ratios in dB, drawn evenly between the two.
        seed: Of everything random.

    Returns:
        X of shape (frames, 2, length, 1), float32, I in the first row and Q in the second; y of shape
        (frames,), class ids 0..2; and the ratio of every frame in dB, shape (frames,).
    """
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(frames) % 3)
    ratio = rng.uniform(*snr, frames)
    return np.stack([_frame(rng, int(c), length, r) for c, r in zip(y, ratio, strict=True)])[..., None], y, ratio


def _frame(rng: np.random.Generator, kind: int, length: int, ratio: float) -> np.ndarray:
    symbols = rng.choice(LEVELS[kind], length // SAMPLES + 2 * SPAN + 2)
    train = np.zeros(len(symbols) * SAMPLES)
    train[::SAMPLES] = symbols
    shift = rng.uniform(0, SAMPLES)
    wave = fftconvolve(train, _pulse(shift % 1), "same")[SPAN * SAMPLES + int(shift) :][:length]
    turn = np.exp(2j * np.pi * (rng.uniform() + rng.uniform(-OFFSET, OFFSET) * np.arange(length)))
    signal = wave * turn / np.sqrt(np.mean(wave**2))
    noise = rng.normal(size=(2, length)) * np.sqrt(0.5 / 10 ** (ratio / 10))
    frame = np.stack([signal.real, signal.imag]) + noise
    return (frame / np.sqrt(np.mean(np.sum(frame**2, 0)))).astype("float32")


SPAN = 6
"""Symbols of a pulse on either side."""


def _pulse(shift: float) -> np.ndarray:
    """Return a root-raised-cosine pulse, sampled ``shift`` of a sample late (Proakis, Digital Communications, 9.2)."""
    t = (np.arange(-SPAN * SAMPLES, SPAN * SAMPLES + 1) + shift + 1e-9) / SAMPLES
    a = 4 * ROLL_OFF * t
    top = np.sin(np.pi * t * (1 - ROLL_OFF)) + a * np.cos(np.pi * t * (1 + ROLL_OFF))
    below = np.pi * t * (1 - a**2)
    below = np.where(np.abs(below) < 1e-6, 1e-6, below)
    return top / below
