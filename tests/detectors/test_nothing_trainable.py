from remedy.detectors import NothingTrainable
from remedy.evidence.static import static_evidence

from ..conftest import stuck_run_of
from ..gratings import few, fine_tuned


def layers_of(freeze):
    model = fine_tuned(loaded=False, freeze=freeze)
    return static_evidence(*stuck_run_of(model, *few(40))).layers


def test_a_model_whose_head_is_frozen_too_fires():
    assert NothingTrainable().detect(layers_of(lambda layer: True)) is not None


def test_a_frozen_backbone_under_a_head_that_learns_is_silent():
    assert NothingTrainable().detect(layers_of(lambda layer: layer.name != "head")) is None
