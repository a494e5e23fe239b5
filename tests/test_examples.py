"""The examples, small, as a user runs them."""

import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_simulated_beats_are_labelled_raw_and_the_same_for_a_seed():
    sys.path.insert(0, str(EXAMPLES))
    try:
        from beats import simulate
    finally:
        sys.path.pop(0)
    X, y, subject = simulate(seed=1, seconds=4.0, windows=60)
    again, _, _ = simulate(seed=1, seconds=4.0, windows=60)
    assert (again == X).all()
    assert X.shape == (60, 360)
    assert X.dtype == "int16"
    assert 700 < X.mean() < 1200
    assert set(y) == {0, 1, 2}
    assert len(set(subject)) > 10
