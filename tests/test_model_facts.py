"""What the recipe alone says of layers, heads, metrics and learning rates."""

import keras
import numpy as np
import pytest
from keras import layers

from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.evidence.model_facts import (
    head_facts,
    layer_facts,
    live_layer_facts,
    metric_names,
    planned_rates,
)
from remedy.evidence.static import static_evidence
from remedy.keras_internals import layers_in_order
from remedy.recipe.recipe import Recipe


def recipe_of(model, loss="categorical_crossentropy", optimizer="adam", **options):
    model.compile(optimizer, loss, **options)
    return Recipe.from_model(model, {"epochs": 2})


def chain(*parts):
    return keras.Sequential([keras.Input((6,)), *parts])


def functional(*parts, shape=(6,)):
    x = start = keras.Input(shape)
    for part in parts:
        x = part(x)
    return keras.Model(start, x)


def head_of(model, **options):
    (head,) = head_facts(recipe_of(model, **options))
    return head.get("units"), head["activation"], head.get("before")


def facts_of(model, **options):
    return {facts.name: facts for facts in layer_facts(recipe_of(model, **options).architecture)}


@pytest.mark.parametrize("made", [chain, functional])
@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([layers.Dense(3, activation="softmax")], (3, "softmax", None)),
        ([layers.Dense(3)], (3, "linear", None)),
        ([layers.Dense(1, activation="sigmoid")], (1, "sigmoid", None)),
        ([layers.Dense(1, activation=keras.activations.tanh)], (1, "tanh", None)),
        ([layers.Dense(3, activation=layers.LeakyReLU())], (3, "leaky_relu", None)),
        ([layers.Dense(3), layers.Activation("softmax")], (3, "softmax", None)),
        ([layers.Dense(3), layers.Softmax()], (3, "softmax", None)),
        ([layers.Dense(3), layers.ReLU()], (3, "relu", None)),
        ([layers.Dense(3), layers.ReLU(negative_slope=0.1)], (3, "leaky_relu", None)),
        ([layers.Dense(3, activation="relu"), layers.Softmax()], (3, "softmax", "relu")),
        ([layers.Dense(3), layers.ReLU(), layers.Activation("softmax")], (3, "softmax", "relu")),
        ([layers.Dense(3, activation="softmax"), layers.Activation("softmax")], (3, "softmax", "softmax")),
        ([layers.Dense(3), layers.Activation("linear"), layers.Softmax()], (3, "softmax", None)),
        ([layers.Dense(3), layers.Softmax(), layers.Dropout(0.1)], (3, "softmax", None)),
        ([layers.Dense(6, activation="softmax"), layers.Reshape((2, 3))], (None, "softmax", None)),
        ([layers.Reshape((2, 3)), layers.Dense(4, activation="relu"), layers.Flatten()], (None, "relu", None)),
        ([layers.Reshape((2, 3)), layers.Dense(4), layers.Softmax(axis=1)], (4, "unknown", None)),
    ],
)
def test_the_head_is_the_last_layer_with_weights_and_the_functions_behind_it(made, parts, expected):
    copies = [layers.deserialize(layers.serialize(part)) for part in parts]
    assert head_of(made(*copies)) == expected


@pytest.mark.parametrize("made", [chain, functional])
@pytest.mark.parametrize(
    ("last", "activation"),
    [
        (lambda: layers.Lambda(lambda t: t * 2), "lambda"),
        (lambda: layers.Rescaling(10.0, offset=5.0), "rescaling"),
        (layers.BatchNormalization, "batchnormalization"),
        (layers.LayerNormalization, "layernormalization"),
    ],
)
def test_what_changes_values_in_a_way_nobody_knows_is_no_known_head(made, last, activation):
    units, found, before = head_of(made(layers.Dense(3, activation="sigmoid"), last()))
    assert (units, found, before) == (None, activation, None)
    assert found not in ("linear", "sigmoid", "softmax", "relu", "tanh")


def test_a_function_behind_something_unknown_is_still_the_last_one():
    units, found, _ = head_of(chain(layers.Dense(3), layers.BatchNormalization(), layers.Softmax()))
    assert (units, found) == (None, "softmax")


def test_the_head_of_a_nested_model_is_found_inside():
    for inner in (
        chain(layers.Dense(4, activation="relu"), layers.Dense(3, activation="softmax")),
        functional(layers.Dense(4, activation="relu"), layers.Dense(3, activation="softmax")),
        chain(layers.Dense(4), chain_of_4(layers.Dense(3, activation="softmax"))),
    ):
        for made in (chain, functional):
            assert head_of(made(layers.Dense(6), inner)) == (3, "softmax", None)


def chain_of_4(*parts):
    return keras.Sequential([keras.Input((4,)), *parts])


def test_a_function_behind_a_nested_model_is_the_last_one():
    inner = chain(layers.Dense(3, activation="relu"))
    assert head_of(functional(inner, layers.Softmax())) in ((3, "softmax", "relu"), (None, "softmax", None))


def test_a_layer_for_every_step_is_a_head_too():
    for made in (chain, functional):
        steps = layers.TimeDistributed(layers.Dense(5, activation="softmax"))
        assert head_of(made(layers.Reshape((2, 3)), steps)) == (5, "softmax", None)
    for wrapped in (layers.Dense(5, activation="relu"), layers.Dense(5)):
        model = chain(layers.Reshape((2, 3)), layers.TimeDistributed(wrapped), layers.Softmax())
        assert head_of(model)[:2] == (5, "softmax")


def test_a_convolution_and_a_recurrent_layer_are_heads():
    image = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 1, activation="sigmoid")])
    assert head_of(image, loss="binary_crossentropy") == (2, "sigmoid", None)
    signal = keras.Sequential([keras.Input((8, 3)), layers.LSTM(4)])
    assert head_of(signal, loss="mse") == (4, "tanh", None)


def test_every_output_has_its_head_its_loss_and_its_options():
    x = keras.Input((6,))
    kind = layers.Dense(3, name="kind")(x)
    size = layers.Dense(1, activation="relu", name="size")(x)
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
    for losses in ([sparse, "mse"], {"size": "mse", "kind": sparse}):
        first, second = head_facts(recipe_of(keras.Model(x, [kind, size]), losses))
        assert first == {
            "name": "kind",
            "units": 3,
            "activation": "linear",
            "before": None,
            "loss": "sparse_categorical_crossentropy",
            "from_logits": True,
            "ignore_class": -1,
        }
        assert (second["name"], second["activation"], second["loss"]) == ("size", "relu", "mse")
        assert (second["from_logits"], second["ignore_class"]) == (False, None)


def test_an_output_without_a_loss_has_none():
    x = keras.Input((6,))
    model = keras.Model(x, [layers.Dense(3, name="kind")(x), layers.Dense(1, name="size")(x)])
    assert [head["loss"] for head in head_facts(recipe_of(model, {"kind": "mse", "size": None}))] == ["mse", None]


def test_layers_are_read_in_order_with_what_their_configuration_says():
    model = chain(
        layers.Dense(8, activation="relu", kernel_initializer="he_normal", name="wide"),
        layers.BatchNormalization(name="norm"),
        layers.Dropout(0.4, name="drop"),
        layers.Dense(4, kernel_regularizer=keras.regularizers.L1L2(0.1, 0.02), name="tight"),
        layers.Dense(3, activation="softmax", name="head"),
    )
    found = facts_of(model)
    assert list(found) == ["wide", "norm", "drop", "tight", "head"]
    assert (found["wide"].kind, found["wide"].units, found["wide"].activation) == ("Dense", 8, "relu")
    assert (found["wide"].initializer, found["head"].initializer) == ("HeNormal", "GlorotUniform")
    assert [name for name, facts in found.items() if facts.kernel] == ["wide", "tight", "head"]
    assert [name for name, facts in found.items() if facts.normalizes] == ["norm"]
    assert (found["drop"].rate, found["tight"].penalty, found["wide"].penalty) == (0.4, 0.1, 0.0)
    assert (found["tight"].activation, found["norm"].activation) == ("linear", None)
    assert all(facts.used for facts in found.values())


def test_layers_of_nested_models_come_one_by_one_in_their_place():
    inner = functional(layers.Dense(5, name="inner_1"), layers.Dense(4, name="inner_2"))
    model = functional(layers.Dense(6, name="first"), inner, layers.Dense(3, name="last"))
    assert list(facts_of(model)) == ["first", "inner_1", "inner_2", "last"]


def test_joins_are_known():
    x = keras.Input((6,))
    model = keras.Model(x, layers.Add(name="sum")([layers.Dense(6, name="side")(x), x]))
    assert [name for name, facts in facts_of(model, loss="mse").items() if facts.joins] == ["sum"]


@pytest.mark.parametrize(("mode", "width"), [("concat", 8), ("sum", 4), ("ave", 4)])
def test_a_bidirectional_layer_is_as_wide_as_what_it_gives_out(mode, width):
    model = keras.Sequential(
        [
            keras.Input((5, 6)),
            layers.Bidirectional(layers.LSTM(4, name="inside"), merge_mode=mode),
            layers.Dense(3, name="head"),
        ]
    )
    found = facts_of(model)
    assert [facts.kind for facts in found.values()] == ["LSTM", "Dense"]
    assert next(iter(found.values())).units == width


def test_the_width_of_a_bidirectional_head_is_not_guessed():
    model = keras.Sequential([keras.Input((5, 6)), layers.Bidirectional(layers.LSTM(4))])
    (head,) = head_facts(recipe_of(model, loss="mse"))
    assert head.get("units") is None


def test_what_a_time_distributed_layer_wraps_stands_for_it():
    model = chain(layers.Reshape((2, 3)), layers.TimeDistributed(layers.Dense(5, name="step")), layers.Flatten())
    assert [(facts.kind, facts.units) for facts in facts_of(model).values()][1] == ("Dense", 5)


def test_frozen_layers_are_no_kernel():
    model = chain(layers.Dense(8, name="frozen", trainable=False), layers.Dense(3, name="head"))
    assert {name: facts.kernel for name, facts in facts_of(model).items()} == {"frozen": False, "head": True}
    inner = functional(layers.Dense(5, name="inner"))
    inner.trainable = False
    model = functional(inner, layers.Dense(3, name="head"))
    assert {name: facts.kernel for name, facts in facts_of(model).items()} == {"inner": False, "head": True}


def test_an_input_that_nothing_reads_is_a_layer_that_is_not_used():
    a, b = keras.Input((6,), name="a"), keras.Input((2,), name="b")
    found = facts_of(keras.Model([a, b], layers.Dense(3, name="head")(a)))
    assert {name: facts.used for name, facts in found.items()} == {"b": False, "head": True}


def test_a_subclassed_model_is_read_live_in_its_order():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.body = keras.Sequential([layers.Dense(5, activation="relu", name="one"), layers.Dense(4, name="two")])
            self.forgotten = layers.Dense(7, name="forgotten")
            self.head = layers.Dense(3, activation="softmax", name="head")

        def call(self, x):
            return self.head(self.body(x))

    model = Own()
    model(np.ones((2, 6), "float32"))
    assert layer_facts(recipe_of(model).architecture) is None
    found = {facts.name: facts for facts in live_layer_facts(model) if facts.kind == "Dense"}
    assert list(found) == ["one", "two", "forgotten", "head"]
    assert [name for name, facts in found.items() if not facts.used] == ["forgotten"]
    assert (found["one"].activation, found["one"].units) == ("relu", 5)


def test_the_head_of_a_subclassed_model_is_unknown():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = layers.Dense(3, activation="softmax")

        def call(self, x):
            return self.head(x)

    model = Own()
    model(np.ones((2, 6), "float32"))
    (head,) = head_facts(recipe_of(model))
    assert (head["activation"], head["loss"]) == ("unknown", "categorical_crossentropy")


def test_live_layers_stand_once_each_behind_what_holds_them():
    inner = functional(layers.Dense(5, name="inner_1"), layers.Dense(6, name="inner_2"))
    model = functional(inner, inner, layers.Dense(3, name="last"))
    names = [layer.name for layer in layers_in_order(model) if isinstance(layer, layers.Dense)]
    assert names == ["inner_1", "inner_2", "last"]


SCHEDULES = keras.optimizers.schedules


def ends(rate, steps=100, optimizer=keras.optimizers.SGD):
    found = planned_rates(recipe_of(chain(layers.Dense(3)), optimizer=optimizer(rate)), steps)
    return None if found is None else (found[0], found[-1])


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (lambda: 0.02, (0.02, 0.02)),
        (lambda: SCHEDULES.ExponentialDecay(0.1, 99, 0.5), (0.1, 0.05)),
        (lambda: SCHEDULES.CosineDecay(0.1, 99), (0.1, 0.0)),
        (lambda: SCHEDULES.CosineDecay(0.0, 50, warmup_target=0.1, warmup_steps=49), (0.0, 0.0)),
        (lambda: SCHEDULES.PolynomialDecay(0.1, 99, 0.01), (0.1, 0.01)),
        (lambda: SCHEDULES.InverseTimeDecay(0.1, 99, 1.0), (0.1, 0.05)),
        (lambda: SCHEDULES.PiecewiseConstantDecay([10, 20], [0.1, 0.01, 0.001]), (0.1, 0.001)),
    ],
)
def test_the_rate_at_the_first_and_the_last_step_is_planned(rate, expected):
    assert ends(rate()) == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_a_single_step_has_one_rate():
    assert ends(SCHEDULES.ExponentialDecay(0.1, 10, 0.5), steps=1) == pytest.approx((0.1, 0.1))
    assert ends(SCHEDULES.ExponentialDecay(0.1, 10, 0.5), steps=0) == pytest.approx((0.1, 0.1))


def test_a_schedule_of_ones_own_is_followed_where_it_can_be_rebuilt():
    @keras.saving.register_keras_serializable("tests")
    class Halved(SCHEDULES.LearningRateSchedule):
        def __call__(self, step):
            return 0.1 / (1.0 + keras.ops.cast(step, "float32"))

        def get_config(self):
            return {}

    assert ends(Halved(), steps=10) == pytest.approx((0.1, 0.01))

    class Broken(Halved):
        def __call__(self, step):
            raise ValueError("not now")

    recipe = recipe_of(chain(layers.Dense(3)), optimizer=keras.optimizers.SGD(Halved()))
    rate = {**recipe.optimizer["config"]["learning_rate"], "registered_name": "gone", "class_name": "Gone"}
    assert planned_rates(recipe.with_optimizer(learning_rate=rate), 10) is None


def test_metrics_are_named_with_what_binds_them_to_a_class_or_a_threshold():
    metrics = [
        "accuracy",
        keras.metrics.Recall(class_id=1),
        keras.metrics.Precision(thresholds=0.3, top_k=2),
        keras.metrics.F1Score(average="macro"),
        keras.metrics.AUC(name="area"),
    ]
    names = metric_names(recipe_of(chain(layers.Dense(3)), metrics=metrics).metrics)
    assert names[:2] == ("accuracy", "Recall[class_id=1]")
    assert names[2] == "Precision[top_k=2, thresholds=0.3]"
    assert names[3] == "F1Score[average=macro]"
    assert names[4].startswith("AUC")


def test_metrics_of_several_outputs_and_of_ones_own_are_named():
    x = keras.Input((6,))
    model = keras.Model(x, [layers.Dense(3, name="kind")(x), layers.Dense(1, name="size")(x)])

    def spread(y_true, y_pred):
        return keras.ops.std(y_pred)

    for metrics in ([["accuracy"], ["mae", spread]], {"kind": ["accuracy"], "size": ["mae", spread]}):
        names = metric_names(recipe_of(model, ["categorical_crossentropy", "mse"], metrics=metrics).metrics)
        assert names == ("accuracy", "mae", "spread")
    assert metric_names(None) == ()


def test_weighted_metrics_stand_beside_the_others_in_the_evidence():
    rng = np.random.default_rng(0)
    recipe = recipe_of(
        chain(layers.Dense(3)), metrics=["accuracy"], weighted_metrics=[keras.metrics.Recall(class_id=2)]
    )
    data = Dataset(Rows(rng.random((20, 6)), np.eye(3)[rng.integers(0, 3, 20)]), None, "multiclass")
    assert static_evidence(recipe, data).metric_names == ("accuracy", "Recall[class_id=2]")
