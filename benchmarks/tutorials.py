"""Kinds of programs that public tutorials teach, written anew on small data: they train well and none is stuck.

    python benchmarks/healthy_zoo.py --tutorials --json

Each function returns model, X, y and keywords of ``fit``. `remedy` may warn; it may not call one of them stuck.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from sklearn import datasets as sets

Program = tuple[Any, Any, Any, dict[str, Any]]
TUTORIALS: dict[str, Callable[[], Program]] = {}


def tutorial(make: Callable[[], Program]) -> Callable[[], Program]:
    """Register a program under its name."""
    TUTORIALS[make.__name__.replace("_", " ")] = make
    return make


def digits() -> tuple[Any, Any]:
    """Return 1,797 pictures of 8 by 8, from 0 to 1, and their digits."""
    X, y = sets.load_digits(return_X_y=True)
    return (X.reshape(-1, 8, 8, 1) / 16).astype("float32"), y


def compiled(model: Any, rate: float, loss: Any, **more: Any) -> Any:
    """Compile with Adam."""
    model.compile(keras.optimizers.Adam(rate), loss, **more)
    return model


@tutorial
def short_digits_cnn() -> Program:
    """Four epochs, better in every one."""
    X, y = digits()
    net = [layers.Conv2D(8, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten(), layers.Dense(10, "softmax")]
    model = compiled(keras.Sequential([keras.Input((8, 8, 1)), *net]), 0.002, "sparse_categorical_crossentropy")
    return model, X[:1200], y[:1200], {"epochs": 4, "validation_split": 0.1}


@tutorial
def beginners_mlp() -> Program:
    """Flatten, dense, dropout, raw scores."""
    X, y = digits()
    net = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dropout(0.2), layers.Dense(10)]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = compiled(keras.Sequential([keras.Input((8, 8, 1)), *net]), 0.002, loss, metrics=["accuracy"])
    return model, X, y, {"epochs": 8}


@tutorial
def batchnorm_convnet_on_signals() -> Program:
    """A fully convolutional net whose moving averages lag for some epochs."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 1000)
    t = np.arange(140)
    X = np.sin(t * np.array([0.1, 0.17, 0.25])[y][:, None] + rng.random((1000, 1)) * 6)
    X = X + 0.3 * rng.standard_normal(X.shape)
    net: list[Any] = []
    for _ in range(3):
        net += [layers.Conv1D(24, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
    net += [layers.GlobalAveragePooling1D(), layers.Dense(3, activation="softmax")]
    model = compiled(keras.Sequential([keras.Input((140, 1)), *net]), 0.001, "sparse_categorical_crossentropy")
    return model, X[..., None].astype("float32"), y, {"epochs": 18, "validation_split": 0.2, "batch_size": 16}


@tutorial
def boston_style_regression() -> Program:
    """Normalisation inside, mean squared error."""
    X, y = sets.load_diabetes(return_X_y=True)
    norm = layers.Normalization()
    norm.adapt(X)
    net = [norm, layers.Dense(32, activation="relu"), layers.Dense(32, activation="relu"), layers.Dense(1)]
    model = compiled(keras.Sequential([keras.Input((10,)), *net]), 0.01, "mse", metrics=["mae"])
    return model, X, (y / 100), {"epochs": 40, "validation_split": 0.2}


@tutorial
def line_with_accuracy() -> Program:
    """A linear regression that somebody watches by accuracy."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (300, 1))
    model = compiled(
        keras.Sequential([keras.Input((1,)), layers.Dense(4), layers.Dense(1)]), 0.05, "mse", metrics=["accuracy"]
    )
    return model, X, 2 * X + 1 + 0.05 * rng.standard_normal((300, 1)), {"epochs": 25}


@tutorial
def parabola() -> Program:
    """201 points, a narrow sigmoid layer, slow at first."""
    X = np.linspace(-1, 1, 201)[:, None]
    net = [layers.Dense(5, activation="sigmoid"), layers.Dense(1)]
    model = compiled(keras.Sequential([keras.Input((1,)), *net]), 0.05, "mse")
    y = X**2
    return model, X, (y - y.mean()) / y.std(), {"epochs": 60, "batch_size": 25}


@tutorial
def imbalanced_fraud() -> Program:
    """One in twenty, class weights, area under the curve."""
    rng = np.random.default_rng(0)
    y = (rng.random(3000) < 0.05).astype("float32")
    X = (rng.standard_normal((3000, 8)) + 1.5 * y[:, None]).astype("float32")
    net = [layers.Dense(16, activation="relu"), layers.Dropout(0.3), layers.Dense(1, activation="sigmoid")]
    model = compiled(keras.Sequential([keras.Input((8,)), *net]), 0.005, "binary_crossentropy", metrics=["AUC"])
    return model, X, y, {"epochs": 10, "class_weight": {0: 0.53, 1: 10.0}, "validation_split": 0.2}


@tutorial
def several_labels() -> Program:
    """Sigmoids and binary cross-entropy."""
    X, y = sets.make_multilabel_classification(900, 15, n_classes=4, random_state=0)
    net = [layers.Dense(48, activation="relu"), layers.Dense(4, activation="sigmoid")]
    model = compiled(keras.Sequential([keras.Input((15,)), *net]), 0.01, "binary_crossentropy")
    return model, (X - X.mean(0)) / X.std(0), y.astype("float32"), {"epochs": 20}


@tutorial
def autoencoder() -> Program:
    """Dense, pixels from 0 to 1, sigmoid and binary cross-entropy."""
    X, _ = digits()
    flat = X.reshape(-1, 64)
    net = [layers.Dense(24, activation="relu"), layers.Dense(64, activation="sigmoid")]
    return (
        compiled(keras.Sequential([keras.Input((64,)), *net]), 0.005, "binary_crossentropy"),
        flat,
        flat,
        {"epochs": 30},
    )


@tutorial
def denoising_autoencoder() -> Program:
    """Convolutions that take noise away."""
    X, _ = digits()
    noisy = np.clip(X + 0.3 * np.random.default_rng(0).standard_normal(X.shape), 0, 1).astype("float32")
    net = [
        layers.Conv2D(16, 3, padding="same", activation="relu"),
        layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
    ]
    return compiled(keras.Sequential([keras.Input((8, 8, 1)), *net]), 0.005, "mse"), noisy, X, {"epochs": 12}


class Sampling(layers.Layer):
    """Draws from a normal distribution by its mean and log variance."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = keras.random.SeedGenerator(1)

    def call(self, inputs: Any) -> Any:
        """Answer."""
        mean, log_var = inputs
        self.add_loss(-0.02 * ops.mean(1 + log_var - mean**2 - ops.exp(log_var)))
        return mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean), seed=self.seed)


@tutorial
def variational_autoencoder() -> Program:
    """A divergence is added inside."""
    X, _ = digits()
    flat = X.reshape(-1, 64)
    pixels = keras.Input((64,))
    hidden = layers.Dense(32, activation="relu")(pixels)
    code = Sampling()([layers.Dense(4)(hidden), layers.Dense(4)(hidden)])
    out = layers.Dense(64, activation="sigmoid")(layers.Dense(32, activation="relu")(code))
    return compiled(keras.Model(pixels, out), 0.005, "binary_crossentropy"), flat, flat, {"epochs": 15}


class Adversaries(keras.Model):
    """A generator and a discriminator; it logs d_loss and g_loss, and no loss."""

    def __init__(self) -> None:
        super().__init__()
        self.make = keras.Sequential(
            [keras.Input((8,)), layers.Dense(32, activation="relu"), layers.Dense(64, "sigmoid")]
        )
        self.tell = keras.Sequential([keras.Input((64,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
        self.other = keras.optimizers.Adam(0.001)

    def call(self, x: Any) -> Any:
        """Answer."""
        return self.tell(x)

    def train_step(self, data: Any) -> dict[str, Any]:
        """Make one step of each side."""
        import tensorflow as tf

        real = data[0] if isinstance(data, tuple) else data
        noise = tf.random.normal((tf.shape(real)[0], 8))
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        with tf.GradientTape(persistent=True) as tape:
            yes, no = self.tell(real), self.tell(self.make(noise))
            d_loss = loss(tf.ones_like(yes), yes) + loss(tf.zeros_like(no), no)
            g_loss = loss(tf.ones_like(no), no)
        self.optimizer.apply(tape.gradient(d_loss, self.tell.trainable_weights), self.tell.trainable_weights)
        self.other.apply(tape.gradient(g_loss, self.make.trainable_weights), self.make.trainable_weights)
        return {"d_loss": d_loss, "g_loss": g_loss}


@tutorial
def adversarial_net() -> Program:
    """A generator against a discriminator."""
    X, _ = digits()
    model = Adversaries()
    model.compile(keras.optimizers.Adam(0.001), "mse")
    return model, X.reshape(-1, 64), np.zeros(len(X), "float32"), {"epochs": 4}


@tutorial
def small_unet() -> Program:
    """Masks of bright discs, few steps an epoch."""
    rng = np.random.default_rng(0)
    centre, size = rng.uniform(4, 12, (160, 2, 1, 1)), rng.uniform(2, 4, (160, 1, 1))
    far = np.sqrt(((np.mgrid[:16, :16][None] - centre) ** 2).sum(1))
    mask = (far < size).astype("float32")[..., None]
    X = (mask * 0.7 + 0.3 * rng.standard_normal(mask.shape)).astype("float32")
    pixels = keras.Input((16, 16, 1))
    high = layers.Conv2D(8, 3, padding="same", activation="relu")(pixels)
    low = layers.Conv2D(16, 3, padding="same", activation="relu")(layers.MaxPooling2D()(high))
    both = layers.Concatenate()([layers.UpSampling2D()(low), high])
    model = keras.Model(pixels, layers.Conv2D(1, 1, activation="sigmoid")(both))

    def dice_and_entropy(truth: Any, answer: Any) -> Any:
        dice = 2 * ops.sum(truth * answer) / (ops.sum(truth) + ops.sum(answer) + 1e-6)
        return ops.mean(keras.losses.binary_crossentropy(truth, answer)) + 1 - dice

    return compiled(model, 0.005, dice_and_entropy), X, mask, {"epochs": 10, "batch_size": 16}


class TokenEmbedding(layers.Layer):
    """Words and their places, from a float input."""

    def __init__(self, words: int, steps: int, width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.settings = {"words": words, "steps": steps, "width": width}
        self.word, self.place = layers.Embedding(words, width), layers.Embedding(steps, width)

    def call(self, x: Any) -> Any:
        """Answer."""
        return self.word(x) + self.place(ops.arange(self.settings["steps"]))

    def get_config(self) -> dict[str, Any]:
        """Return what makes another one."""
        return {**super().get_config(), **self.settings}


def sentences(n: int = 800, steps: int = 20, words: int = 400) -> tuple[Any, Any]:
    """Return rows of word ids, and which of two subjects they speak of."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, n)
    X = rng.integers(40, words, (n, steps))
    own = rng.random((n, steps)) < 0.2
    X[own] = (rng.integers(1, 20, (n, steps)) + 20 * y[:, None])[own]
    return X, y


@tutorial
def transformer_on_text() -> Program:
    """Attention over an embedding of one's own; ids as floats."""
    X, y = sentences()
    ids = keras.Input((20,))
    x = TokenEmbedding(400, 20, 16)(ids)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 8)(x, x))
    x = layers.Dense(16, activation="relu")(layers.GlobalAveragePooling1D()(x))
    model = compiled(
        keras.Model(ids, layers.Dense(2, activation="softmax")(x)), 0.003, "sparse_categorical_crossentropy"
    )
    return model, X.astype("float32"), y, {"epochs": 5, "validation_split": 0.1}


@tutorial
def lstm_on_text() -> Program:
    """An embedding, a masked LSTM, a sigmoid."""
    X, y = sentences()
    net = [layers.Embedding(400, 16, mask_zero=True), layers.LSTM(16), layers.Dense(1, activation="sigmoid")]
    model = compiled(keras.Sequential([keras.Input((20,), dtype="int32"), *net]), 0.005, "binary_crossentropy")
    return model, X, y, {"epochs": 6, "validation_split": 0.2}


@tutorial
def bag_of_words_from_strings() -> Program:
    """TextVectorization inside the model, a tf.data stream."""
    import tensorflow as tf

    X, y = sentences(n=600)
    text = [" ".join(f"w{i}" for i in row) for row in X]
    words = layers.TextVectorization(output_mode="multi_hot", max_tokens=400)
    words.adapt(text)
    net = [words, layers.Dense(16, activation="relu"), layers.Dense(1, activation="sigmoid")]
    model = compiled(keras.Sequential([keras.Input((1,), dtype="string"), *net]), 0.01, "binary_crossentropy")
    return model, tf.data.Dataset.from_tensor_slices((text, y)).shuffle(600).batch(32), None, {"epochs": 5}


@tutorial
def weather_forecast() -> Program:
    """An LSTM over scaled windows, rows in the order of time."""
    rng = np.random.default_rng(0)
    t = np.arange(900)
    series = np.sin(t / 12) + 0.5 * np.sin(t / 40) + 0.1 * rng.standard_normal(900)
    X = np.lib.stride_tricks.sliding_window_view(series, 24)[:-1][..., None].astype("float32")
    model = compiled(keras.Sequential([keras.Input((24, 1)), layers.LSTM(16), layers.Dense(1)]), 0.005, "mse")
    return model, X, series[24:].astype("float32"), {"epochs": 10, "validation_split": 0.2}


@tutorial
def anomaly_autoencoder() -> Program:
    """Convolutions rebuild windows of a series."""
    rng = np.random.default_rng(0)
    series = np.sin(np.arange(800) / 6) + 0.1 * rng.standard_normal(800)
    X = np.lib.stride_tricks.sliding_window_view(series, 32)[::2][..., None].astype("float32")
    net = [layers.Conv1D(16, 7, padding="same", activation="relu"), layers.Conv1D(1, 7, padding="same")]
    return compiled(keras.Sequential([keras.Input((32, 1)), *net]), 0.005, "mse"), X, X, {"epochs": 10}


@tutorial
def siamese() -> Program:
    """A contrastive loss on the distance of two codes."""
    rng = np.random.default_rng(0)
    kinds = rng.standard_normal((6, 8))
    a = rng.integers(0, 6, 900)
    b = np.where(rng.random(900) < 0.5, a, rng.integers(0, 6, 900))
    X = [(kinds[k] + 0.2 * rng.standard_normal((900, 8))).astype("float32") for k in (a, b)]
    code = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(4)])
    one, two = keras.Input((8,)), keras.Input((8,))
    gap = layers.Subtract()([code(one), code(two)])
    far = layers.Lambda(lambda t: ops.sqrt(ops.sum(t**2, -1, keepdims=True) + 1e-6), output_shape=(1,))(gap)

    def contrastive(same: Any, distance: Any) -> Any:
        same = ops.reshape(ops.cast(same, distance.dtype), ops.shape(distance))
        return ops.mean(same * distance**2 + (1 - same) * ops.maximum(1.0 - distance, 0.0) ** 2)

    return compiled(keras.Model([one, two], far), 0.005, contrastive), X, (a == b).astype("float32"), {"epochs": 10}


@tutorial
def triplets() -> Program:
    """A margin between two distances, computed inside: the labels are blanks."""
    rng = np.random.default_rng(0)
    kinds = rng.standard_normal((5, 8))
    a, other = rng.integers(0, 5, 600), rng.integers(1, 5, 600)
    three = [(kinds[k % 5] + 0.3 * rng.standard_normal((600, 8))).astype("float32") for k in (a, a, a + other)]
    code = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(4)])
    inputs = [keras.Input((8,)) for _ in range(3)]
    anchor, same, strange = (code(x) for x in inputs)
    gap = ops.sum((anchor - same) ** 2, -1, keepdims=True) - ops.sum((anchor - strange) ** 2, -1, keepdims=True)

    def margin(blank: Any, gap: Any) -> Any:
        return ops.mean(ops.maximum(gap + 1.0, 0.0)) + 0.0 * ops.mean(blank)

    return compiled(keras.Model(inputs, gap), 0.005, margin), three, np.zeros((600, 1), "float32"), {"epochs": 8}


def bent(n: int = 800) -> tuple[Any, Any]:
    """Return points of a noisy curve."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (n, 1)).astype("float32")
    return X, (np.sin(2 * X) + 0.15 * rng.standard_normal((n, 1))).astype("float32")


@tutorial
def mixture_density() -> Program:
    """Sixty outputs for one value: weights, means and spreads of twenty bells."""
    X, y = bent()

    def likelihood(truth: Any, answer: Any) -> Any:
        share, mean, spread = ops.split(answer, 3, axis=-1)
        spread = ops.softplus(spread) + 1e-2
        inside = ops.log_softmax(share, -1) - ops.log(spread) - ((truth - mean) / spread) ** 2 / 2
        return -ops.mean(ops.logsumexp(inside, -1))

    net = [layers.Dense(32, activation="relu"), layers.Dense(60)]
    return compiled(keras.Sequential([keras.Input((1,)), *net]), 0.005, likelihood), X, y, {"epochs": 20}


@tutorial
def mean_and_spread() -> Program:
    """A Gaussian likelihood of two outputs."""
    X, y = bent()

    def gaussian(truth: Any, answer: Any) -> Any:
        spread = ops.softplus(answer[:, 1:]) + 1e-3
        return ops.mean(ops.log(spread) + ((truth - answer[:, :1]) / spread) ** 2 / 2)

    net = [layers.Dense(32, activation="relu"), layers.Dense(2)]
    return compiled(keras.Sequential([keras.Input((1,)), *net]), 0.01, gaussian), X, y, {"epochs": 25}


@tutorial
def quantiles() -> Program:
    """A pinball loss at one tenth."""
    X, y = bent()

    def pinball(truth: Any, answer: Any) -> Any:
        error = truth - answer
        return ops.mean(ops.maximum(0.1 * error, -0.9 * error))

    net = [layers.Dense(32, activation="relu"), layers.Dense(1)]
    return compiled(keras.Sequential([keras.Input((1,)), *net]), 0.01, pinball), X, y, {"epochs": 30}


@tutorial
def two_heads() -> Program:
    """A class and a scaled number from one trunk."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((800, 8)).astype("float32")
    rows = keras.Input((8,))
    hidden = layers.Dense(32, activation="relu")(rows)
    heads = {"kind": layers.Dense(2, "softmax", name="kind")(hidden), "size": layers.Dense(1, name="size")(hidden)}
    model = keras.Model(rows, heads)
    model.compile(keras.optimizers.Adam(0.01), {"kind": "sparse_categorical_crossentropy", "size": "mse"})
    return model, X, {"kind": (X[:, 0] > 0).astype("int64"), "size": X[:, 1] + X[:, 2]}, {"epochs": 12}


@tutorial
def recommender() -> Program:
    """A product of two embeddings, ratings from 0 to 1."""
    rng = np.random.default_rng(0)
    people, films = rng.standard_normal((40, 2)), rng.standard_normal((60, 2))
    a, b = rng.integers(0, 40, 2400), rng.integers(0, 60, 2400)
    liked = 1 / (1 + np.exp(-2 * (people[a] * films[b]).sum(1)))
    who, what = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
    codes = [layers.Flatten()(layers.Embedding(n, 4)(x)) for n, x in ((40, who), (60, what))]
    model = keras.Model([who, what], layers.Activation("sigmoid")(layers.Dot(1)(codes)))
    return compiled(model, 0.02, "mse"), [a[:, None], b[:, None]], liked[:, None], {"epochs": 20, "batch_size": 64}


class Subclassed(keras.Model):
    """Layers in ``__init__``, a call, an argument."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden, self.drop = layers.Dense(width, activation="relu"), layers.Dropout(0.2)
        self.head = layers.Dense(10, activation="softmax")

    def call(self, x: Any, training: Any = None) -> Any:
        """Answer."""
        return self.head(self.drop(self.hidden(x), training=training))


@tutorial
def subclassed_model() -> Program:
    """A model class of one's own."""
    X, y = digits()
    return compiled(Subclassed(48), 0.005, "sparse_categorical_crossentropy"), X.reshape(-1, 64), y, {"epochs": 8}


@tutorial
def residual_net() -> Program:
    """Shortcuts around convolutions, batch normalisation."""
    X, y = digits()
    pixels = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(pixels)
    for _ in range(2):
        inner = layers.BatchNormalization()(layers.Conv2D(16, 3, padding="same")(x))
        inner = layers.Conv2D(16, 3, padding="same")(layers.ReLU()(inner))
        x = layers.ReLU()(layers.Add()([x, inner]))
    head = layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x))
    model = compiled(keras.Model(pixels, head), 0.003, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, X, y, {"epochs": 10, "validation_split": 0.2}


@tutorial
def augmented_pictures() -> Program:
    """Random layers in front, a stream."""
    import tensorflow as tf

    X, y = digits()
    net = [layers.RandomTranslation(0.1, 0.1), layers.Conv2D(24, 3, activation="relu"), layers.Flatten()]
    net += [layers.Dense(10, activation="softmax")]
    model = compiled(keras.Sequential([keras.Input((8, 8, 1)), *net]), 0.003, "sparse_categorical_crossentropy")
    stream = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(2000).repeat().batch(32)
    return model, stream, None, {"epochs": 8, "steps_per_epoch": 56}


@tutorial
def warm_restarts() -> Program:
    """A rate that rises again, by a schedule of the optimizer."""
    X, y = digits()
    rate = keras.optimizers.schedules.CosineDecayRestarts(0.01, 150)
    net = [layers.Flatten(), layers.Dense(48, activation="relu"), layers.Dense(10, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 8, 1)), *net])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model, X, y, {"epochs": 12, "validation_split": 0.2}


@tutorial
def distilled_student() -> Program:
    """Soft labels of a teacher, KL divergence."""
    X, y = digits()
    soft = np.full((len(y), 10), 0.02, "float32")
    soft[np.arange(len(y)), y] = 0.82
    net = [layers.Flatten(), layers.Dense(48, activation="relu"), layers.Dense(10, activation="softmax")]
    return compiled(keras.Sequential([keras.Input((8, 8, 1)), *net]), 0.005, "kl_divergence"), X, soft, {"epochs": 12}
