import numpy as np
import pytest

from remedy.data import arrays

A, B = np.arange(6).reshape(3, 2), np.ones(3)


@pytest.mark.parametrize("nest", [A, [A, B], {"a": A, "b": [B, A]}, [A, {"x": B}]])
def test_a_nest_survives_the_npz_layout(nest):
    packed = arrays.flatten_for_npz(nest, "train/X")
    back = arrays.restore_from_npz(packed, "train/X")
    assert arrays.digest(back) == arrays.digest(nest)
    assert type(back) is type(nest)


def test_more_than_ten_list_items_come_back_in_order():
    nest = [np.full(2, i) for i in range(12)]
    back = arrays.restore_from_npz(arrays.flatten_for_npz(nest, "X"), "X")
    assert [int(a[0]) for a in back] == list(range(12))


def test_nothing_stored_comes_back_as_none():
    assert arrays.restore_from_npz({}, "X") is None


@pytest.mark.parametrize("other", [A.astype("int16"), A.reshape(2, 3), A + 1, A[::-1]])
def test_another_type_shape_value_or_order_is_another_digest(other):
    assert arrays.digest(A) != arrays.digest(other)


def test_the_digest_of_a_large_array_does_not_depend_on_how_it_lies_in_memory():
    big = np.random.default_rng(0).normal(size=(5000, 40))
    assert arrays.digest(big) == arrays.digest(np.asfortranarray(big))


def test_take_picks_rows_of_every_array():
    assert arrays.take({"a": A, "b": B}, [2, 0])["a"].tolist() == [[4, 5], [0, 1]]
