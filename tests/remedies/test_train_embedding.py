from remedy.remedies.train_embedding import TrainEmbedding
from remedy.testing import check_rewritten, check_unchanged

from .test_mask_padding import padded


def test_a_frozen_table_is_trained_from_what_it_holds():
    recipe, data = padded(trainable=False)
    changed = check_rewritten(TrainEmbedding(), recipe, data)
    table = changed.build(data, 0).layers[0]
    assert table.trainable
    assert not table.get_weights()[0].any()


def test_a_table_that_is_trained_is_left_alone():
    check_unchanged(TrainEmbedding(), *padded())
