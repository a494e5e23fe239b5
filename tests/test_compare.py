"""What differs between two models or runs: spellings do not, and the difference that made the result is named."""

import json

import keras
import mlflow
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers

import remedy
from remedy.cli import main
from remedy.comparing.alignment import align
from remedy.comparing.attribution import units
from remedy.comparing.transplant import transplanted
from remedy.errors import InvalidInput, ModelError, NotApplicable
from remedy.recipe.recipe import Recipe

from .conftest import blobs, dense

PICTURE = (12, 12, 3)


def net(*parts, shape=PICTURE, optimizer="adam", loss="mse", **compiled):
    """A compiled Sequential model of these layers."""
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer, loss, **compiled)
    return model


def functional(call, shape=PICTURE, loss="mse"):
    inputs = keras.Input(shape)
    model = keras.Model(inputs, call(inputs))
    model.compile("adam", loss)
    return model


def head(units=3):
    return [layers.Flatten(), layers.Dense(units, activation="softmax")]


def with_activation(*spelt, shape=PICTURE):
    return net(layers.Conv2D(4, 3, activation=spelt[0]), *spelt[1:], *head(), shape=shape)


def with_loss(loss, last="softmax"):
    return net(layers.Flatten(), layers.Dense(3, activation=last), loss=loss)


def of_scaling(*parts):
    return net(*parts, layers.Conv2D(4, 3, activation="relu"), *head())


TWINS = {
    "an activation in a layer or behind it": lambda: (
        with_activation("relu"),
        with_activation(None, layers.Activation("relu")),
    ),
    "an activation as a layer of its own class": lambda: (
        with_activation("relu"),
        with_activation(None, layers.ReLU()),
    ),
    "an activation as a name or a function": lambda: (
        with_activation("silu"),
        with_activation(keras.activations.swish),
    ),
    "an activation as a name or a layer in a layer": lambda: (
        with_activation("relu"),
        with_activation(layers.ReLU()),
    ),
    "a leaky activation by name or by class": lambda: (
        with_activation("leaky_relu"),
        with_activation("linear", layers.LeakyReLU(negative_slope=0.2)),
    ),
    "a capped activation": lambda: (with_activation("relu6"), with_activation(None, layers.ReLU(max_value=6))),
    "Sequential and functional": lambda: (
        with_activation("relu"),
        functional(
            lambda x: layers.Dense(3, activation="softmax")(layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(x)))
        ),
    ),
    "operations in a functional model": lambda: (
        of_scaling(layers.Rescaling(1 / 127.5, offset=-1)),
        functional(
            lambda x: layers.Dense(3, activation="softmax")(
                layers.Flatten()(keras.ops.relu(layers.Conv2D(4, 3)(x / 127.5 - 1.0)))
            )
        ),
    ),
    "a model within a model": lambda: (
        with_activation("relu"),
        net(keras.Sequential([keras.Input(PICTURE), layers.Conv2D(4, 3), layers.ReLU()]), keras.Sequential(head())),
    ),
    "layer names": lambda: (
        net(layers.Flatten(name="flat"), layers.Dense(3, name="my_head")),
        net(layers.Flatten(), layers.Dense(3)),
    ),
    "the shape of the input": lambda: (
        net(layers.Flatten(), layers.Dense(3)),
        compiled(keras.Sequential([layers.Flatten(input_shape=PICTURE), layers.Dense(3)])),
    ),
    "a loss by a short name": lambda: (with_loss("mse"), with_loss("mean_squared_error")),
    "a loss as an object": lambda: (with_loss("mse"), with_loss(keras.losses.MeanSquaredError())),
    "an optimizer by name": lambda: (net(*head()), net(*head(), optimizer=keras.optimizers.Adam(1e-3))),
    "metrics by another name": lambda: (net(*head(), metrics=["acc"]), net(*head(), metrics=["accuracy"])),
    "an initializer as an object": lambda: (
        net(layers.Flatten(), layers.Dense(3, kernel_initializer="he_normal")),
        net(layers.Flatten(), layers.Dense(3, kernel_initializer=keras.initializers.HeNormal(seed=3))),
    ),
    "defaults that are spelt": lambda: (
        net(layers.Conv2D(4, 3), layers.MaxPooling2D(), *head()),
        net(
            layers.Conv2D(4, (3, 3), strides=1, padding="VALID", kernel_initializer="glorot_uniform"),
            layers.MaxPooling2D(2, strides=2),
            *head(),
        ),
    ),
    "one scaling in two layers": lambda: (
        of_scaling(layers.Rescaling(1 / 255)),
        of_scaling(layers.Rescaling(1 / 5), layers.Rescaling(1 / 51)),
    ),
    "layers that do nothing": lambda: (net(*head()), net(layers.Identity(), layers.Dropout(0.0), *head())),
    "Flatten and Reshape": lambda: (
        net(layers.Flatten(), layers.Dense(3)),
        net(layers.Reshape((-1,)), layers.Dense(3)),
    ),
    "a softmax at the head or within the loss": lambda: (
        with_loss("categorical_crossentropy"),
        with_loss(keras.losses.CategoricalCrossentropy(from_logits=True), None),
    ),
    "labels as ids or as one-hot rows": lambda: (
        with_loss("categorical_crossentropy"),
        with_loss(keras.losses.SparseCategoricalCrossentropy()),
    ),
}

DIFFERENT = {
    "leaky slopes": ("activation", lambda: (with_activation("leaky_relu"), with_activation(layers.LeakyReLU()))),
    "activations": ("activation", lambda: (with_activation("relu"), with_activation(None, layers.ELU()))),
    "a missing activation": ("activation", lambda: (with_activation("relu"), with_activation(None))),
    "input scalings": ("input scaling", lambda: (of_scaling(layers.Rescaling(1 / 255)), of_scaling())),
    "the offsets of scalings": (
        "input scaling",
        lambda: (of_scaling(layers.Rescaling(1 / 255)), of_scaling(layers.Rescaling(1 / 255, offset=-1))),
    ),
    "dropout rates": (
        "dropout",
        lambda: (
            net(layers.Flatten(), layers.Dropout(0.2), layers.Dense(3)),
            net(layers.Flatten(), layers.Dropout(0.5), layers.Dense(3)),
        ),
    ),
    "widths": ("layer", lambda: (net(layers.Conv2D(4, 3), *head()), net(layers.Conv2D(8, 3), *head()))),
    "heads": ("head", lambda: (net(*head(3)), net(*head(4)))),
    "normalization": (
        "normalization",
        lambda: (net(layers.Conv2D(4, 3), *head()), net(layers.Conv2D(4, 3), layers.BatchNormalization(), *head())),
    ),
    "initializers": (
        "layer",
        lambda: (net(layers.Conv2D(4, 3), *head()), net(layers.Conv2D(4, 3, kernel_initializer="zeros"), *head())),
    ),
    "optimizers": ("optimizer", lambda: (net(*head()), net(*head(), optimizer="nadam"))),
    "an optimizer's settings": (
        "optimizer",
        lambda: (net(*head()), net(*head(), optimizer=keras.optimizers.Adam(clipnorm=1.0))),
    ),
    "learning rates": ("learning rate", lambda: (net(*head()), net(*head(), optimizer=keras.optimizers.Adam(0.01)))),
    "a rate and a schedule": (
        "learning rate",
        lambda: (
            net(*head()),
            net(*head(), optimizer=keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(1e-3, 100, 0.9))),
        ),
    ),
    "losses": ("loss", lambda: (with_loss("mse"), with_loss("mae"))),
    "smoothed labels": (
        "loss",
        lambda: (
            with_loss("categorical_crossentropy"),
            with_loss(keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), None),
        ),
    ),
    "frozen layers": (
        "frozen layers",
        lambda: (net(layers.Conv2D(4, 3), *head()), net(layers.Conv2D(4, 3, trainable=False), *head())),
    ),
    "inputs": ("input", lambda: (net(layers.GlobalMaxPooling2D()), net(layers.GlobalMaxPooling2D(), shape=(9, 9, 3)))),
}


def compiled(model):
    model.compile("adam", "mse")
    return model


def real(comparison):
    return [d for d in comparison.differences if not d.same_function]


@pytest.mark.parametrize("name", TWINS)
def test_another_spelling_of_one_function_is_no_difference_and_equal_weights_give_equal_answers(name):
    found = remedy.compare(*TWINS[name]())
    assert real(found) == []
    assert found.same
    assert "Verified: on 32 random rows" in found.verified


def test_callbacks_that_change_the_training_are_a_difference():
    a, b = (net(*head()) for _ in range(2))
    X, y = np.zeros((8, *PICTURE)), np.zeros((8, 3))
    found = remedy.compare(a, b, X, y, fit_b={"callbacks": [keras.callbacks.EarlyStopping(patience=1)]})
    assert [d.part for d in real(found)] == ["callbacks"]
    assert not found.same


def test_an_optimizer_in_another_is_compared_with_its_rate():
    wrapped = lambda rate: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(rate))  # noqa: E731
    a, b, c = (net(*head(), optimizer=made) for made in (wrapped(0.01), wrapped(0.02), keras.optimizers.Adam(0.01)))
    assert [d.part for d in real(remedy.compare(a, b))] == ["learning rate"]
    (apart,) = real(remedy.compare(a, c))
    assert (apart.part, "LossScaleOptimizer" in apart.a) == ("optimizer", True)


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_true_difference_is_found_and_named(name):
    part, models = DIFFERENT[name]
    found = remedy.compare(*models())
    assert [d.part for d in real(found)] == [part]
    assert not found.same
    assert part in found.conclusion


def test_what_is_spelt_differently_is_listed_with_both_spellings():
    found = remedy.compare(*TWINS["an activation in a layer or behind it"]())
    (spelling,) = (d for d in found.differences if d.part == "spelling")
    assert spelling.a == "Conv2D(4, (3, 3), activation=relu)"
    assert spelling.b == "Conv2D(4, (3, 3)) + Activation(relu)"
    assert spelling.same_function


def photo_classifiers():
    """Two authors: the one scales and is done; the other does not scale, and adds a block and another dropout."""
    first = net(
        layers.Rescaling(1 / 255),
        layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(),
        *(layers.Flatten(), layers.Dropout(0.2), layers.Dense(3, activation="softmax")),
        loss="sparse_categorical_crossentropy",
        metrics=["acc"],
    )
    second = net(
        *(layers.Conv2D(8, 3), layers.ReLU(), layers.MaxPooling2D()),
        *(layers.Conv2D(16, 3), layers.Activation("relu"), layers.MaxPooling2D()),
        *(layers.Flatten(), layers.Dropout(0.3), layers.Dense(3)),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return first, second


def test_a_block_that_one_model_has_is_one_difference_that_begins_with_its_weights():
    found = remedy.compare(*photo_classifiers())
    assert [(d.part, d.a, d.b) for d in real(found)] == [
        ("input scaling", "Rescaling(1/255)", "none"),
        ("block of layers", "none", "Conv2D(16, (3, 3)) + relu + MaxPooling2D()"),
        ("dropout", "Dropout(0.2)", "Dropout(0.3)"),
    ]


def test_equal_changes_at_several_places_are_one_difference():
    first = net(*[layers.Dense(4, activation="relu") for _ in range(3)], *head())
    second = net(*[layers.Dense(4, activation="tanh") for _ in range(3)], *head())
    (only,) = real(remedy.compare(first, second))
    assert (only.part, only.a, only.b) == ("activation", "relu", "tanh")
    assert only.where.startswith("3 times")


def test_a_skip_from_another_place_is_a_difference():
    def residual(late):
        def call(x):
            first = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
            second = layers.Conv2D(4, 3, padding="same", activation="relu")(first)
            third = layers.Conv2D(4, 3, padding="same", activation="relu")(second)
            return layers.Flatten()(layers.Add()([second if late else first, third]))

        return functional(call)

    assert remedy.compare(residual(True), residual(True)).same
    assert [d.part for d in real(remedy.compare(residual(True), residual(False)))] == ["connections"]


def test_a_layer_that_is_used_twice_is_not_two_layers():
    def twice(shared):
        first = layers.Dense(4)
        return functional(lambda x: (first if shared else layers.Dense(4))(first(x)), shape=(4,))

    assert remedy.compare(twice(True), twice(True)).same
    assert not remedy.compare(twice(True), twice(False)).same


def test_statistics_of_layers_adapted_to_other_data_are_a_difference():
    def adapted(shift):
        layer = layers.Normalization()
        layer.adapt(np.arange(12.0).reshape(4, 3) + shift)
        return net(layer, layers.Dense(2), shape=(3,))

    assert remedy.compare(adapted(0), adapted(0)).same
    assert [d.part for d in real(remedy.compare(adapted(0), adapted(5)))] == ["frozen weights"]


def test_batch_size_and_epochs_are_compared_where_they_are_given():
    models = net(*head()), net(*head())
    assert remedy.compare(*models, fit_a={"batch_size": 32}).same
    found = remedy.compare(*models, fit_a={"batch_size": 64, "epochs": 3}, fit_b={"batch_size": 32, "epochs": 9})
    assert [(d.part, d.a, d.b) for d in real(found)] == [("batch size", "64", "32"), ("epochs", "3", "9")]


def test_models_that_are_not_compiled_are_compared_by_their_layers_and_it_is_said():
    bare = keras.Sequential([keras.Input(PICTURE), *head()])
    found = remedy.compare(bare, net(*head()))
    assert found.same
    assert any("A is not compiled" in note for note in found.notes)
    X, y = np.zeros((40, *PICTURE), "float32"), np.arange(40) % 3
    with pytest.raises(ModelError, match="not compiled"):
        remedy.compare(bare, net(*head()), X, y, train=True)


def test_a_subclassed_model_is_verified_by_function_and_what_was_not_seen_is_said():
    @keras.saving.register_keras_serializable("test_compare")
    class Own(keras.Model):
        def __init__(self, width=3, **kwargs):
            super().__init__(**kwargs)
            self.width, self.inner = width, layers.Dense(width)

        def call(self, x):
            return self.inner(x)

        def get_config(self):
            return {**super().get_config(), "width": self.width}

    X = np.random.default_rng(0).normal(size=(40, 5)).astype("float32")
    models = [Own(width) for width in (3, 3, 4)]
    for model in models:
        model(X[:1])
    found = remedy.compare(models[0], models[1], X)
    assert any("subclassed" in note for note in found.notes)
    assert "rows of X" in found.verified
    assert not remedy.compare(models[0], models[2], X).same


def test_the_models_themselves_and_the_random_state_are_left_as_they_were():
    first, second = photo_classifiers()
    before = [np.array(w) for w in first.get_weights()]
    np.random.seed(4)
    state = np.random.get_state()[1].copy()
    remedy.compare(first, second)
    assert all(np.array_equal(a, b) for a, b in zip(before, first.get_weights(), strict=True))
    assert np.array_equal(state, np.random.get_state()[1])


def test_a_recipe_takes_over_one_difference_and_keeps_the_rest():
    first, second = photo_classifiers()
    aligned = align(*(Recipe.from_model(model, {}) for model in (first, second)))
    for found in aligned.found:
        if found.difference.same_function:
            continue
        mixed = align(aligned.a, transplanted(aligned, found))
        assert [f.difference for f in mixed.found if not f.difference.same_function] == [found.difference]
        back = align(transplanted(aligned, found, back=True), aligned.b)
        assert [(f.difference.a, f.difference.b) for f in back.found if not f.difference.same_function] == [
            (found.difference.a, found.difference.b)
        ]


def test_a_block_within_a_branch_is_taken_over_with_its_connections():
    def branched(extra):
        def call(x):
            first = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
            inner = layers.Conv2D(4, 3, padding="same")(first)
            if extra:
                inner = layers.BatchNormalization()(inner)
            whole = layers.Add()([first, layers.ReLU()(inner)])
            return layers.Dense(3 if extra else 2)(layers.Flatten()(whole))

        return functional(call)

    aligned = align(*(Recipe.from_model(branched(extra), {}) for extra in (False, True)))
    one, other = (f for f in aligned.found if not f.difference.same_function)
    assert one.difference.part == "normalization"
    mixed = align(transplanted(aligned, one), aligned.b)
    assert [f.difference.part for f in mixed.found if not f.difference.same_function] == ["head"]
    model = keras.saving.deserialize_keras_object(transplanted(aligned, one).architecture.config)
    assert model.output_shape == (None, 2)
    assert other.difference.part == "head"


def test_another_input_cannot_be_exchanged():
    aligned = align(*(Recipe.from_model(model, {}) for model in DIFFERENT["inputs"][1]()))
    (only,) = (f for f in aligned.found if not f.difference.same_function)
    with pytest.raises(NotApplicable, match="input"):
        transplanted(aligned, only)


def far_from_zero():
    """Rows whose values lie far from zero, so that a network without scaling does not learn."""
    X, ids = blobs(rows=300, scale=60.0, shift=900.0)
    return X, ids.argmax(-1)


def table_classifier(scaling, width, dropout, loss="sparse_categorical_crossentropy"):
    parts = [layers.Rescaling(1 / 100, offset=-9)] if scaling else []
    parts += [layers.Dense(width), layers.ReLU()] if scaling else [layers.Dense(width, activation="relu")]
    return net(
        *parts,
        layers.Dropout(dropout),
        layers.Dense(3, activation="softmax"),
        shape=(6,),
        optimizer=keras.optimizers.SGD(0.05),
        loss=loss,
    )


def test_the_difference_that_made_the_result_is_named_from_either_side():
    X, y = far_from_zero()
    good = table_classifier(True, 16, 0.1)
    bad = table_classifier(False, 24, 0.2, "categorical_crossentropy")  # the same but for the coding of labels
    heard = []
    found = remedy.compare(bad, good, X, y, train=True, epochs=12, on_training=lambda *told: heard.append(told))
    assert "B does better" in found.conclusion
    assert "Most of it comes from input scaling" in found.conclusion
    scores = {one.what.split(" (")[0]: one.mean for one in found.trained}
    assert scores["B"] > scores["A"] + 0.3
    assert scores["A with B's input scaling"] > scores["A"] + 0.3
    assert abs(scores["A with B's dropout"] - scores["A"]) < 0.2
    assert len(heard) == 2 * len(found.trained)
    turned = remedy.compare(good, bad, X, y, train=True, epochs=12, seeds=(3,))
    assert "A does better" in turned.conclusion
    assert "Most of it comes from input scaling" in turned.conclusion


def test_differences_that_only_work_together_are_told_and_one_that_is_needed_is_named():
    X, y = far_from_zero()
    bad, good = table_classifier(False, 16, 0.1), table_classifier(True, 16, 0.1)
    bad.compile(keras.optimizers.SGD(1e-7), bad.loss)
    found = remedy.compare(bad, good, X, y, train=True, epochs=12, seeds=(0,))
    assert "No single difference brings half of it into A, but B needs" in found.conclusion
    assert [one.what.split(" (")[0] for one in found.trained] == [
        *("A", "B", "A with B's input scaling", "A with B's learning rate"),
        *("B with A's input scaling", "B with A's learning rate"),
    ]


def test_an_optimizer_is_also_exchanged_together_with_its_rate():
    first = net(layers.Dropout(0.1), *head(), optimizer=keras.optimizers.SGD(0.1))
    second = net(layers.Dropout(0.2), *head(), optimizer=keras.optimizers.Adam(0.001))
    aligned = align(*(Recipe.from_model(model, {}) for model in (first, second)))
    both = units(aligned)[-1]
    assert both.difference.part == "optimizer and learning rate"
    mixed = align(transplanted(aligned, both), aligned.b)
    assert [f.difference.part for f in mixed.found if not f.difference.same_function] == ["dropout"]


def test_models_that_do_equally_well_are_not_told_apart():
    X, ids = blobs(rows=300)
    found = remedy.compare(dense(widths=(16,)), dense(widths=(20,)), X, ids, train=True, epochs=8)
    assert "do not differ in the result" in found.conclusion


def test_equal_models_are_not_trained():
    X, ids = blobs(rows=100)
    found = remedy.compare(dense(), dense(), X, ids, train=True)
    assert found.trained == ()
    assert any("Nothing was trained" in note for note in found.notes)


def test_a_difference_that_cannot_be_trained_alone_says_why():
    X, ids = blobs(rows=200)
    first, second = dense(widths=(16,)), dense(widths=(20,), classes=4)
    found = remedy.compare(first, second, X, ids, train=True, epochs=1, seeds=(0,))
    failed = next(one for one in found.trained if one.what == "B")
    assert failed.mean is None
    assert "shape" in failed.why_not
    assert "B could not be trained" in found.conclusion


def test_training_without_rows_is_refused():
    with pytest.raises(InvalidInput, match="needs X and y"):
        remedy.compare(dense(), dense(widths=(4,)), train=True)
    with pytest.raises(ModelError, match="takes keras"):
        remedy.compare("a", dense())


def test_a_comparison_prints_as_text_html_and_json():
    found = remedy.compare(*photo_classifiers())
    text = str(found)
    assert "different:\n  input scaling (at 'rescaling" in text
    assert "the same, spelt differently:" in text
    assert "<td>input scaling</td>" in found._repr_html_()
    assert json.loads(json.dumps(found.to_dict()))["differences"][1]["part"] in ("spelling", "API", "input scaling")


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def logged(tmp_path_factory):
    """Two runs of remedy.fit on the same data: one of them scales its input."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('logged')}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    X, y = far_from_zero()
    options = {"epochs": 12, "verbose": 0, "search": False, "validation_split": 0.2}
    ids = [remedy.fit(table_classifier(s, 16, 0.1), X, y, **options).run_id for s in (False, True)]
    other = remedy.fit(table_classifier(True, 16, 0.1), X[:200], y[:200], **{**options, "epochs": 2})
    yield uri, *ids, other.run_id
    mlflow.set_tracking_uri(None)


def test_two_logged_runs_are_compared_and_trained_without_their_scripts(logged):
    uri, bad, good, _ = logged
    done = run("--tracking-uri", uri, "compare", bad, good)
    assert done.exit_code == 0, done.output
    assert "A and B differ in input scaling" in done.output
    assert "loss, final" in done.output
    told = json.loads(run("--tracking-uri", uri, "compare", bad, good, "--train", "--seeds", "1", "--json").stdout)
    assert "input scaling" in told["conclusion"]
    assert "is the only difference" in told["conclusion"]
    assert told["outcomes"]["probe_score, final"][1] > told["outcomes"]["probe_score, final"][0] + 0.2
    assert [one["what"] for one in told["trained"]] == ["A", "B"]


def test_runs_on_other_data_are_told_apart_by_it(logged):
    uri, _, good, other = logged
    told = json.loads(run("--tracking-uri", uri, "compare", good, other, "--json").stdout)
    assert {d["part"] for d in told["differences"] if not d["same_function"]} == {"data", "epochs"}


def test_runs_of_other_frameworks_are_compared_by_what_they_logged(store):
    mlflow.set_tracking_uri(f"sqlite:///{store}/other.db")
    ids = []
    for rate, losses in (("0.001", (2.0, 0.5, 0.7)), ("1e-3", ())):
        with mlflow.start_run() as active:
            mlflow.log_params({"lr": rate, "depth": 4 if losses else 8})
            for step, value in enumerate(losses):
                mlflow.log_metric("train_loss", value, step=step)
        ids.append(active.info.run_id)
    done = run("compare", *ids)
    assert done.exit_code == 0
    assert "parameter (depth): 4 | 8" in done.output
    assert "lr" not in done.output
    assert "train_loss, best: 0.5 | -" in done.output
    assert "train_loss, final: 0.7 | -" in done.output
    assert "B logged no metrics" in done.output
    assert "A has no recipe" in done.output
    assert run("compare", *ids, "--train").exit_code == 6
    mlflow.MlflowClient().delete_run(ids[1])
    done = run("compare", *ids)
    assert (done.exit_code, done.output.count("\n")) == (3, 1)
    assert "mlflow runs restore" in done.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["compare", "0" * 32, "1" * 32], 3, "no run"),
        (["compare", "a"], 2, "RUN_B"),
        (["compare", "a", "b", "--seeds", "0"], 2, "--seeds"),
    ],
)
def test_a_wrong_call_gets_one_clear_line_and_its_exit_code(store, arguments, code, says):
    done = run(*arguments)
    assert done.exit_code == code
    assert says in done.output
    assert "Traceback" not in done.output
