from remedy.detectors import PreprocessingMismatch
from remedy.evidence.starting_point import starting_point

from ..remedies.test_match_preprocessing import program


def test_averages_that_another_scaling_fits_fire_with_its_name():
    recipe, data = program(1.0, own=False)
    start = starting_point(recipe, data, 2)
    assert start.fitting == "bytes-to-signed"
    assert start.fitted < start.mismatch / 3
    assert PreprocessingMismatch().detect(start=start) is not None


def test_rows_that_come_as_the_loaded_layers_expect_them_are_silent():
    start = starting_point(*program(1.0), 2)
    assert start.score > 0.8
    assert PreprocessingMismatch().detect(start=start) is None
