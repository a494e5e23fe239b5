from remedy.detectors import UnfrozenBatchnorm

from .test_nothing_trainable import layers_of


def averages(layer):
    return type(layer).__name__ == "BatchNormalization"


def test_averages_that_are_trained_between_frozen_kernels_fire():
    found = UnfrozenBatchnorm().detect(layers_of(lambda layer: layer.name != "head" and not averages(layer)))
    assert found.measured == {"trained": 3.0}


def test_a_backbone_that_is_frozen_whole_or_trained_whole_is_silent():
    assert UnfrozenBatchnorm().detect(layers_of(lambda layer: layer.name != "head")) is None
    assert UnfrozenBatchnorm().detect(layers_of(lambda layer: False)) is None
