"""A look measures gradients and units of a live model, and leaves no trace in it."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.rows import Rows
from remedy.evidence.layers import look

from .conftest import blobs, dense

ROWS = 40
X, Y = blobs(rows=ROWS, columns=4)
SIGNALS = np.random.default_rng(1).standard_normal((ROWS, 5, 4)).astype("float32")
IDS = np.random.default_rng(2).integers(0, 20, (ROWS, 6))
VALUES = np.random.default_rng(3).standard_normal((ROWS, 1)).astype("float32")


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(4)


def compiled(model, loss="categorical_crossentropy", **options):
    model.compile("adam", loss, **options)
    return model


def chain(*parts, **options):
    return compiled(keras.Sequential([*parts]), **options)


def rms(value):
    return float(np.sqrt(np.mean(np.asarray(value, dtype="float64") ** 2)))


def taped(model, inputs, variables, cost):
    """Root mean squares of the gradients that a plain GradientTape gives."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = cost(model(inputs, training=False))
    return [rms(keras.ops.convert_to_numpy(g)) for g in tape.gradient(loss, [v.value for v in variables])]


def crossentropy(y=Y):
    return lambda answer: keras.ops.mean(keras.losses.categorical_crossentropy(y, answer))


def with_all_that_moves():
    """A model with moving averages, random layers, an own seed, and two losses with metrics."""
    x = keras.Input((4,))
    h = layers.GaussianNoise(0.3, seed=5)(layers.BatchNormalization(momentum=0.5)(layers.Dense(8)(x)))
    h = layers.Dropout(0.5, seed=6)(layers.ReLU()(h))
    model = keras.Model(x, [layers.Dense(3, activation="softmax", name="kind")(h), layers.Dense(1, name="size")(h)])
    losses = {"kind": "categorical_crossentropy", "size": "mse"}
    return compiled(model, list(losses.values()), metrics=[["accuracy"], ["mae"]])


def state(model):
    """Copies of every variable: weights, averages, seeds, optimizer, metrics."""
    parts = (*model.variables, *model.optimizer.variables, *model.metrics_variables)
    return {v.path: np.array(keras.ops.convert_to_numpy(v.value)) for v in parts}


def test_gradients_are_those_of_a_plain_gradient_tape():
    model = dense(columns=4, widths=(8, 5), norm=True)
    found = look(model, Rows(X, Y), 3)
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Dense)]
    assert found.epoch == 3
    assert list(found.gradients) == [layer.name for layer in model.layers if isinstance(layer, layers.Dense)]
    assert list(found.gradients.values()) == pytest.approx(taped(model, X, kernels, crossentropy()), rel=1e-5)
    assert list(found.weights.values()) == pytest.approx([rms(kernel) for kernel in kernels])


def test_gradients_are_those_of_small_differences_in_the_weights():
    model = chain(keras.Input((4,)), layers.Dense(3, activation="tanh"), layers.Dense(3, activation="softmax"))
    kernel, step = model.layers[0].kernel, 1e-2
    start, slopes = np.array(kernel), []
    for at in np.ndindex(start.shape):
        costs = []
        for sign in (1, -1):
            moved = start.copy()
            moved[at] += sign * step
            kernel.assign(moved)
            costs.append(float(crossentropy()(model(X))))
        slopes.append((costs[0] - costs[1]) / (2 * step))
    kernel.assign(start)
    assert look(model, Rows(X, Y), 1).gradients[model.layers[0].name] == pytest.approx(rms(slopes), rel=1e-3)


def test_a_weight_penalty_is_part_of_the_loss_whose_gradient_is_measured():
    model = chain(keras.Input((4,)), layers.Dense(3, activation="softmax", kernel_regularizer=keras.regularizers.L2(5)))
    kernel = model.layers[-1].kernel
    (expected,) = taped(model, X, [kernel], lambda a: crossentropy()(a) + 5.0 * keras.ops.sum(kernel.value**2))
    assert look(model, Rows(X, Y), 1).gradients[model.layers[-1].name] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("loss", "y", "units", "activation"),
    [
        ("categorical_crossentropy", Y, 3, "softmax"),
        ("sparse_categorical_crossentropy", Y.argmax(-1), 3, "softmax"),
        ("sparse_categorical_crossentropy", Y.argmax(-1)[:, None], 3, "softmax"),
        ("binary_crossentropy", Y[:, 0], 1, "sigmoid"),
        ("binary_crossentropy", Y[:, :2].astype(bool), 2, "sigmoid"),
        ("mse", VALUES, 1, None),
        ("mae", VALUES[:, 0].astype("float64"), 1, None),
    ],
)
def test_every_coding_of_the_labels_is_understood(loss, y, units, activation):
    head = layers.Dense(units, activation=activation)
    model = chain(keras.Input((4,)), layers.Dense(6, activation="relu"), head, loss=loss)
    shaped = y.astype("float32") if y.ndim > 1 or "sparse" in loss else y[:, None].astype("float32")
    expected = taped(model, X, [head.kernel], lambda a: keras.ops.mean(keras.losses.get(loss)(shaped, a)))
    assert look(model, Rows(X, y), 1).gradients[head.name] == pytest.approx(expected[0], rel=1e-4)


def test_a_look_changes_no_variable_at_all():
    model, y = with_all_that_moves(), [Y, VALUES]
    model.train_on_batch(X, y)
    before = state(model)
    assert {"seed_generator_state", "moving_mean", "total"} <= {path.rsplit("/", 1)[-1] for path in before}
    found = look(model, Rows(X, y), 1)
    after = state(model)
    assert min(found.gradients.values()) > 0
    assert before.keys() == after.keys()
    assert [path for path in before if not np.array_equal(before[path], after[path])] == []


def test_a_look_before_the_first_step_leaves_the_metrics_of_several_losses_at_zero():
    model = with_all_that_moves()
    look(model, Rows(X, [Y, VALUES]), 0)
    assert [v.path for v in model.metrics_variables if np.any(np.array(v))] == []


def test_a_look_draws_no_random_number():
    model = with_all_that_moves()
    keras.utils.set_random_seed(8)
    expected = np.array(keras.random.normal((3,))), np.random.random()
    keras.utils.set_random_seed(8)
    look(model, Rows(X, [Y, VALUES]), 1)
    assert np.array_equal(expected[0], np.array(keras.random.normal((3,))))
    assert expected[1] == np.random.random()


def test_training_goes_on_to_the_same_bits_with_looks_in_between():
    def trained(*callbacks):
        keras.utils.set_random_seed(9)
        model = with_all_that_moves()
        model.fit(X, [Y, VALUES], epochs=3, batch_size=16, verbose=0, callbacks=list(callbacks))
        return model

    looks = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: looks.append(look(watch.model, Rows(X, [Y, VALUES]), epoch + 1))
    )
    with_looks, without = trained(watch), trained()
    assert [found.epoch for found in looks] == [1, 2, 3]
    assert looks[0] != looks[2]
    for a, b in zip(state(with_looks).values(), state(without).values(), strict=True):
        assert np.array_equal(a, b)


def test_sequential_models_are_read_alike_whether_built_by_list_or_by_add():
    def parts():
        keras.utils.set_random_seed(4)
        hidden = layers.Dense(6, activation="relu", name="hidden")
        return [keras.Input((4,)), hidden, layers.Dense(3, activation="softmax", name="head")]

    added = keras.Sequential()
    for part in parts():
        added.add(part)
    late = keras.Sequential(parts()[1:])
    late.build((None, 4))
    listed = look(chain(*parts()), Rows(X, Y), 1)
    assert list(listed.gradients) == ["hidden", "head"]
    assert list(listed.dead) == ["hidden"]
    assert look(compiled(added), Rows(X, Y), 1) == listed
    assert look(compiled(late), Rows(X, Y), 1) == listed


@pytest.mark.parametrize("names", ["list", "tuple", "dict", "named", "turned"])
def test_two_inputs_find_their_way_however_they_are_given(names):
    a, b = keras.Input((4,), name="a"), keras.Input((2,), name="b")
    first = layers.Dense(4, activation="relu", name="first")
    joined = layers.Concatenate()([first(a), b])
    inputs = {"dict": {"b": b, "a": a}, "turned": [b, a]}.get(names, [a, b])
    model = compiled(keras.Model(inputs, layers.Dense(3, activation="softmax")(joined)))
    first.set_weights([np.diag([1.0, 1.0, -1.0, -1.0]), np.zeros(4)])
    given = {"a": np.abs(X) + 1, "b": X[:, :2]}
    shaped = {"list": list, "tuple": tuple}.get(names, lambda _: given)(given.values())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = look(model, Rows(shaped, Y), 1)
    assert found.dead == {"first": 0.5}
    assert len(found.gradients) == 2


def test_a_model_with_two_inputs_gives_the_gradients_of_the_tape():
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    one, two = layers.Dense(3, name="one"), layers.Dense(2, name="two")
    answer = layers.Dense(3, activation="softmax", name="head")(layers.Concatenate()([one(a), two(b)]))
    model = compiled(keras.Model({"a": a, "b": b}, answer))
    given = {"a": X, "b": 3 * X}
    expected = taped(model, given, [one.kernel, two.kernel], crossentropy())
    found = look(model, Rows(given, Y), 1)
    assert [found.gradients["one"], found.gradients["two"]] == pytest.approx(expected, rel=1e-5)


def test_layers_of_a_nested_model_stand_in_their_order():
    inner = keras.Sequential([keras.Input((4,)), *(layers.Dense(4, name=f"inner_{i}") for i in range(3))])
    x = keras.Input((4,))
    body = layers.Dense(4, activation="relu", name="before")(x)
    model = compiled(keras.Model(x, layers.Dense(3, activation="softmax", name="after")(inner(body))))
    found = look(model, Rows(X, Y), 1)
    assert list(found.gradients) == ["before", "inner_0", "inner_1", "inner_2", "after"]
    assert list(found.dead) == ["before"]


def test_a_shared_layer_is_measured_once_with_the_gradient_of_all_its_uses():
    shared, x = layers.Dense(4, activation="relu", name="shared"), keras.Input((4,))
    model = compiled(keras.Model(x, layers.Dense(3, activation="softmax", name="head")(shared(shared(x)))))
    found = look(model, Rows(X, Y), 1)
    assert list(found.gradients) == ["shared", "head"]
    assert found.gradients["shared"] == pytest.approx(taped(model, X, [shared.kernel], crossentropy())[0], rel=1e-5)
    assert found.dead == {}


@pytest.mark.parametrize("named", [False, True])
def test_several_outputs_are_measured_on_the_sum_of_their_losses(named):
    x = keras.Input((4,))
    hidden = layers.Dense(5, activation="tanh", name="hidden")
    kind = layers.Dense(3, activation="softmax", name="kind")(hidden(x))
    sign = layers.Dense(1, activation="sigmoid", name="sign")(hidden(x))
    losses, y = ["categorical_crossentropy", "binary_crossentropy"], [Y, Y[:, :1]]
    outputs = [kind, sign]
    if named:
        names = ("kind", "sign")
        outputs, losses, y = (dict(zip(names, part, strict=True)) for part in (outputs, losses, y))
    model = compiled(keras.Model(x, outputs), losses)

    def cost(answers):
        first, second = answers.values() if named else answers
        return crossentropy()(first) + keras.ops.mean(keras.losses.binary_crossentropy(Y[:, :1], second))

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        found = look(model, Rows(X, y), 1)
    assert found.gradients["hidden"] == pytest.approx(taped(model, X, [hidden.kernel], cost)[0], rel=1e-5)
    assert list(found.gradients) == ["hidden", "kind", "sign"]
    assert found.saturated == {}  # It is used twice; the heads are none of the hidden layers.


def test_the_cells_of_two_recurrent_layers_are_both_there():
    recurrent = [layers.LSTM(4, return_sequences=True), layers.Bidirectional(layers.LSTM(3))]
    model = chain(keras.Input((5, 4)), *recurrent, layers.Dense(3, activation="softmax", name="head"))
    found = look(model, Rows(SIGNALS, Y), 1)
    assert list(found.gradients) == ["lstm_cell", "lstm_cell_1", "lstm_cell_2", "head"]
    cell = recurrent[0].cell
    largest = max(cell.kernel, cell.recurrent_kernel, key=lambda v: int(np.prod(v.shape)))
    assert found.gradients["lstm_cell"] == pytest.approx(taped(model, SIGNALS, [largest], crossentropy())[0], rel=1e-4)
    assert list(found.saturated) == [recurrent[0].name]


def test_a_recurrent_layer_that_returns_its_states_too_is_read_by_its_output():
    x = keras.Input((5, 4))
    answer, *states = layers.LSTM(4, return_state=True, name="with_states")(x)
    joined = layers.Concatenate()([answer, *states])
    model = compiled(keras.Model(x, layers.Dense(3, activation="softmax")(joined)))
    assert look(model, Rows(SIGNALS, Y), 1).saturated["with_states"] < 0.1


def test_a_stateful_model_of_a_fixed_batch_keeps_its_states():
    recurrent = layers.LSTM(4, stateful=True)
    model = chain(keras.Input(batch_shape=(8, 5, 4)), recurrent, layers.Dense(3, activation="softmax"))
    model.predict(SIGNALS[:8], batch_size=8, verbose=0)
    before = [np.array(keras.ops.convert_to_numpy(v.value)) for v in recurrent.states]
    assert min(look(model, Rows(SIGNALS, Y), 1).gradients.values()) > 0
    assert min(np.abs(value).max() for value in before) > 0
    for value, now in zip(before, recurrent.states, strict=True):
        assert np.array_equal(value, keras.ops.convert_to_numpy(now.value))


def test_an_embedding_has_a_gradient():
    table = layers.Embedding(20, 4, mask_zero=True, name="table")
    model = chain(keras.Input((6,)), table, layers.LSTM(4), layers.Dense(3, activation="softmax"))
    found = look(model, Rows(IDS, Y), 1)
    assert found.gradients["table"] == pytest.approx(taped(model, IDS, [table.embeddings], crossentropy())[0], rel=1e-4)


def test_a_subclassed_model_has_gradients_and_no_unit_facts():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.blocks = [
                keras.Sequential([layers.Dense(4, activation="relu", name=f"{a}{i}") for i in range(2)]) for a in "ab"
            ]
            self.head = layers.Dense(3, activation="softmax", name="head")

        def call(self, x):
            for block in self.blocks:
                x = block(x)
            return self.head(x)

    model = compiled(Own())
    assert look(model, Rows(X, Y), 0).gradients == {}
    assert not model.built
    model.train_on_batch(X, Y)
    found = look(model, Rows(X, Y), 1)
    assert list(found.gradients) == ["a0", "a1", "b0", "b1", "head"]
    assert found.gradients["head"] == pytest.approx(taped(model, X, [model.head.kernel], crossentropy())[0], rel=1e-5)
    assert (found.dead, found.saturated) == ({}, {})


def test_a_model_that_is_not_built_is_left_unbuilt():
    model = chain(layers.Dense(3, activation="softmax"))
    found = look(model, Rows(X, Y), 0)
    assert (found.gradients, model.built) == ({}, False)


def test_the_share_of_dead_units_is_counted_over_all_rows():
    hidden = layers.Dense(5, activation="relu", name="hidden")
    model = chain(keras.Input((1,)), hidden, layers.Dense(3, activation="softmax"))
    hidden.set_weights([np.array([[1.0, 1.0, 1.0, -1.0, 0.0]]), np.array([0.0, -0.5, -2.0, 0.0, 0.0])])
    rising = np.linspace(0, 1, ROWS, dtype="float32")[:, None]
    assert look(model, Rows(rising, Y), 1).dead == {"hidden": 0.6}
    assert look(model, Rows(3 * rising, Y), 1).dead == {"hidden": 0.4}


def test_dead_channels_of_a_convolution_are_counted_over_rows_and_positions():
    convolution = layers.Conv1D(4, 1, name="convolution")
    model = chain(
        keras.Input((5, 1)), convolution, layers.ReLU(name="relu"), layers.Flatten(), layers.Dense(3, "softmax")
    )
    convolution.set_weights([np.array([[[1.0, -1.0, 0.0, 1.0]]]), np.array([0.0, 0.0, -1.0, -3.5])])
    signal = np.tile(np.arange(5, dtype="float32"), (ROWS, 1))[..., None]
    assert look(model, Rows(signal, Y), 1).dead == {"relu": 0.5}


def test_a_leaky_relu_never_dies():
    for last in (
        layers.ReLU(negative_slope=0.1),
        layers.LeakyReLU(),
        layers.Activation(layers.ReLU(negative_slope=0.1)),
    ):
        hidden = layers.Dense(4, bias_initializer=keras.initializers.Constant(-90.0))
        model = chain(keras.Input((4,)), hidden, last, layers.Dense(3, activation="softmax"))
        assert look(model, Rows(X, Y), 1).dead == {}


@pytest.mark.parametrize(("activation", "middle"), [("tanh", 0.0), ("sigmoid", 0.0), ("hard_sigmoid", 0.0)])
def test_the_share_of_saturated_activations_is_right(activation, middle):
    hidden = layers.Dense(4, activation=activation, name="hidden")
    model = chain(keras.Input((4,)), hidden, layers.Dense(3, activation="softmax"))
    hidden.set_weights([np.zeros((4, 4)), np.array([-9.0, 9.0, 9.0, middle])])
    assert look(model, Rows(X, Y), 1).saturated == {"hidden": 0.75}
    hidden.set_weights([np.full((4, 4), 1e-3), np.zeros(4)])
    assert look(model, Rows(X, Y), 1).saturated == {"hidden": 0.0}


@pytest.mark.parametrize("functional", [False, True])
def test_a_head_may_saturate_but_a_relu_head_can_die(functional):
    def made(activation):
        head = layers.Dense(2, activation=activation, name="head", bias_initializer=keras.initializers.Constant(-90.0))
        if not functional:
            return chain(keras.Input((4,)), head, loss="mse")
        x = keras.Input((4,))
        return compiled(keras.Model(x, head(x)), "mse")

    assert look(made("sigmoid"), Rows(X, Y[:, :2]), 1).saturated == {}
    assert look(made("relu"), Rows(X, Y[:, :2]), 1).dead == {"head": 1.0}


def test_frozen_layers_have_no_gradient_to_vanish():
    frozen = layers.Dense(4, activation="relu", name="frozen", trainable=False)
    model = chain(keras.Input((4,)), frozen, layers.Dense(3, activation="softmax", name="head"))
    found = look(model, Rows(X, Y), 1)
    assert list(found.gradients) == list(found.weights) == ["head"]
    assert list(found.dead) == ["frozen"]


def test_rows_are_taken_in_the_type_and_rank_of_the_models_input():
    pixels = np.random.default_rng(5).integers(0, 255, (ROWS, 6, 6, 3)).astype("uint8")
    model = chain(keras.Input((6, 6, 3)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3))
    assert len(look(model, Rows(pixels, Y), 1).dead) == 1
    model = chain(keras.Input((1,)), layers.Dense(4, activation="relu"), layers.Dense(3, activation="softmax"))
    assert len(look(model, Rows(X[:, 0].astype("float64"), Y), 1).dead) == 1


def test_weights_that_are_no_numbers_give_numbers_that_are_none_and_no_error():
    model = dense(columns=4)
    model.layers[0].set_weights([np.full((4, 16), np.nan), np.zeros(16)])
    found = look(model, Rows(X, Y), 1)
    assert np.isnan(found.weights[model.layers[0].name])
    assert next(iter(found.dead.values())) == 1.0


def test_a_look_takes_a_few_rows_of_many_and_all_of_few():
    model = dense(columns=4)
    for rows in (1, 7, 5000):
        many, y = blobs(rows=rows, columns=4)
        assert len(look(model, Rows(many, y), 1).gradients) == 2


def test_a_recurrent_layer_over_one_step_has_a_gradient_where_it_reads_its_input():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(64, 1, 3)).astype("float32"), rng.integers(0, 2, 64).astype("float32")
    model = keras.Sequential([keras.Input((1, 3)), layers.LSTM(16), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    assert min(look(model, Rows(X, y), 1).gradients.values()) > 1e-6
