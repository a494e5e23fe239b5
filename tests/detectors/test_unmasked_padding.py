from remedy.detectors import UnmaskedPadding
from remedy.evidence.static import static_evidence

from ..remedies.test_mask_padding import padded


def _found(**kwargs):
    evidence = static_evidence(*padded(**kwargs))
    return UnmaskedPadding().detect(evidence.inputs, evidence.layers)


def test_zeros_behind_the_words_of_a_recurrent_net_fire():
    assert _found().measured["padded"] > 0.8


def test_masked_ones_are_silent():
    assert _found(mask=True) is None
