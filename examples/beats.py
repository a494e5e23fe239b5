"""A simulator of single-lead ECG windows with normal, atrial premature (apb) and ventricular premature (pvc) beats.

Made for machines without the real recordings. A beat is a sum of Gaussian waves P, Q, R, S and T (the shape of
McSharry et al., "A dynamical model for generating synthetic electrocardiogram signals", IEEE Trans. Biomed. Eng.
50(3), 2003); every simulated subject has a heart rate, amplitudes, an electrode gain and a baseline of its own.

- normal: regular beats with sinus arrhythmia.
- apb: some beats come early, with an inverted P wave and a narrow QRS.
- pvc: some beats come early and wide, without P wave, with an inverted T, and are followed by a full pause.

Ectopic beats are frequent: one in two to four. Values are raw converter units as MIT-BIH has them: 200 a millivolt
around an offset near 950, as 16-bit integers.
"""

from __future__ import annotations

import numpy as np

CLASSES = ("normal", "apb", "pvc")
SHARES = (1377, 158, 329)
"""Windows per class in the report that this example follows."""

# Centre in seconds from the R peak, width in seconds, height in millivolts: P, Q, R, S, T.
NARROW = ((-0.17, 0.025, 0.15), (-0.03, 0.010, -0.12), (0.0, 0.012, 1.1), (0.03, 0.011, -0.25), (0.27, 0.055, 0.30))
EARLY_P = ((-0.12, 0.025, -0.20), *NARROW[1:])
WIDE = ((0.0, 0.045, 1.35), (0.11, 0.050, -0.55), (0.32, 0.070, -0.40))


def simulate(
    seed: int = 0, rate: float = 90.0, seconds: float = 10.0, windows: int = sum(SHARES), subjects: int = 36
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate windows of the three classes.

    Args:
        seed: Of everything random.
        rate: Samples a second.
        seconds: Length of a window.
        windows: Windows in all; the classes keep the shares of the report.
        subjects: Simulated people; each has windows of any class.

    Returns:
        X of shape (windows, rate * seconds) in raw units (int16), y of shape (windows,) with class
        ids 0..2, and the subject of every window, shape (windows,).
    """
    rng = np.random.default_rng(seed)
    y = rng.choice(3, size=windows, p=np.array(SHARES) / sum(SHARES))
    subject = rng.integers(0, subjects, windows)
    people = [_person(rng) for _ in range(subjects)]
    X = np.stack([_window(rng, people[s], int(c), rate, seconds) for s, c in zip(subject, y, strict=True)])
    return X, y.astype("int64"), subject


def _person(rng: np.random.Generator) -> dict[str, float]:
    return {
        "rr": rng.uniform(0.65, 1.05),
        "gain": rng.uniform(0.6, 1.4),
        "offset": rng.uniform(900, 1000),
        "noise": rng.uniform(0.01, 0.05),
        "arrhythmia": rng.uniform(0.02, 0.05),
        "t": rng.uniform(0.6, 1.4),
    }


def _window(rng: np.random.Generator, person: dict[str, float], kind: int, rate: float, seconds: float) -> np.ndarray:
    time = np.arange(round(rate * seconds)) / rate
    signal = np.zeros_like(time)
    at, until_ectopic = -rng.uniform(0, person["rr"]), int(rng.integers(1, 4))
    while at < seconds + 1:
        pause = person["rr"] * (1 + person["arrhythmia"] * rng.standard_normal())
        waves, height = NARROW, person["gain"]
        if kind and until_ectopic == 0:
            early = rng.uniform(0.25, 0.4) * person["rr"]
            at -= early
            waves = EARLY_P if kind == 1 else WIDE
            # After a ventricular beat the next sinus beat comes on time: a full compensatory pause.
            pause = pause + early if kind == 2 else pause
            until_ectopic = int(rng.integers(2, 4))
        until_ectopic -= 1
        for i, (centre, width, wave) in enumerate(waves):
            last = person["t"] if i == len(waves) - 1 else 1.0
            signal += height * last * wave * np.exp(-0.5 * ((time - at - centre) / width) ** 2)
        at += pause
    wander = 0.15 * rng.standard_normal() + 0.12 * np.sin(2 * np.pi * (rng.uniform(0.1, 0.35) * time + rng.uniform()))
    signal += wander + person["noise"] * rng.standard_normal(len(time))
    return np.clip(np.round(person["offset"] + 200 * signal), 0, 2047).astype("int16")
