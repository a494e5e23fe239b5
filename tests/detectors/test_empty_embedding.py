from remedy.detectors import EmptyEmbedding
from remedy.evidence.static import static_evidence

from ..remedies.test_mask_padding import padded


def test_a_frozen_table_of_zeros_fires():
    found = EmptyEmbedding().detect(static_evidence(*padded(trainable=False)).layers)
    assert found.measured["empty"] == 1.0


def test_one_that_is_trained_is_silent():
    assert EmptyEmbedding().detect(static_evidence(*padded()).layers) is None
