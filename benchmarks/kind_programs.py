"""Small programs of the kinds that people run, as source: each names ``model``, ``X``, ``y`` and ``fit``.

``OPTIMIZER`` stands for one that learns in the healthy twin, and for one that does not in the stuck one.
"""

START = """
import keras
import numpy as np
import tensorflow as tf
from keras import layers
keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
ids = rng.integers(0, 3, 600)
X = (rng.normal(size=(600, 8)) + 2 * np.eye(8)[ids]).astype("float32")
y = ids
fit = dict(epochs=10, verbose=0)
"""
NET = """
model = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="relu"),
                          layers.Dense(3, activation="softmax")])
"""
SPARSE = 'model.compile(OPTIMIZER, "sparse_categorical_crossentropy", metrics=["accuracy"])\n'
SPLIT = "fit |= dict(validation_split=0.2)\n"
ROWS = "rows = tf.data.Dataset.from_tensor_slices((X, y))\n"
TEXT = """
words = np.array(["w%d" % i for i in range(200)] + ["great", "warm", "dull", "weak"])
ids = rng.integers(0, 2, 600)
drawn = rng.integers(0, 200, (600, 10))
drawn[:, 3], drawn[:, 6] = 200 + rng.integers(0, 2, 600) + 2 * ids, 200 + rng.integers(0, 2, 600) + 2 * ids
X, y = np.array([" ".join(words[row]) for row in drawn], dtype=object), ids
table = layers.TextVectorization(max_tokens=300, output_sequence_length=10)
table.adapt(X)
model = keras.Sequential([keras.Input((), dtype="string"), table, layers.Embedding(300, 16),
                          layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")])
model.compile(OPTIMIZER, "binary_crossentropy", metrics=["accuracy"])
"""
STACKED = """
class Mine(keras.Model):
    def __init__(self, width):
        super().__init__()
        self.first, self.head = layers.Dense(width, activation="relu"), layers.Dense(3, activation="softmax")

    def call(self, x, training=None):
        BODY
model = Mine(24)
"""
BLOBS = """
centres = rng.uniform(4, 12, (240, 2))
grid = np.stack(np.meshgrid(np.arange(16), np.arange(16), indexing="ij"), -1)
inside = (((grid[None] - centres[:, None, None]) ** 2).sum(-1) < 16)[..., None]
X = (inside + 0.3 * rng.normal(size=inside.shape)).astype("float32")
"""

SOURCES: dict[str, tuple[str, str]] = {
    "arrays": ("X, y as arrays, validation_split", START + NET + SPARSE + SPLIT),
    "inputs in a list": (
        "X as a list of arrays",
        START
        + """
one, two = keras.Input((4,)), keras.Input((4,))
x = layers.Dense(24, activation="relu")(layers.Concatenate()([one, two]))
model = keras.Model([one, two], layers.Dense(3, activation="softmax")(x))
X = [X[:, :4], X[:, 4:]]
"""
        + SPARSE
        + SPLIT,
    ),
    "inputs by name": (
        "X as a dict of arrays",
        START
        + """
one, two = keras.Input((4,), name="age"), keras.Input((4,), name="weight")
x = layers.Dense(24, activation="relu")(layers.Concatenate()([one, two]))
model = keras.Model({"age": one, "weight": two}, layers.Dense(3, activation="softmax")(x))
X = {"age": X[:, :4], "weight": X[:, 4:]}
"""
        + SPARSE
        + SPLIT,
    ),
    "text": ("strings in an array, TextVectorization in the model", START + TEXT + SPLIT),
    "a stream of text": (
        "strings in a tf.data.Dataset",
        START + TEXT + "X, y = tf.data.Dataset.from_tensor_slices((X, y)).shuffle(600, seed=0).batch(32), None\n",
    ),
    "a stream": (
        "tf.data, shuffled and batched",
        START + NET + SPARSE + ROWS + "X, y = rows.shuffle(600).batch(32), None\n",
    ),
    "a stream that repeats": (
        "tf.data with repeat() and steps_per_epoch",
        START
        + NET
        + SPARSE
        + ROWS
        + "X, y = rows.shuffle(600).batch(32).repeat(), None\nfit |= dict(steps_per_epoch=19)\n",
    ),
    "a stream of unknown length": (
        "tf.data from a generator",
        START
        + NET
        + SPARSE
        + """
table = X
kind = (tf.TensorSpec((8,), tf.float32), tf.TensorSpec((), tf.int64))
X, y = tf.data.Dataset.from_generator(lambda: zip(table, ids), output_signature=kind).batch(32), None
""",
    ),
    "a PyDataset": (
        "keras.utils.PyDataset",
        START
        + NET
        + SPARSE
        + """
table = X
class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 18
    def __getitem__(self, i):
        return table[32 * i : 32 * i + 32], ids[32 * i : 32 * i + 32]
X, y = Batches(), None
""",
    ),
    "several outputs": (
        "a class and a number, each with its loss",
        START
        + """
first = keras.Input((8,))
x = layers.Dense(24, activation="relu")(first)
model = keras.Model(first, {"kind": layers.Dense(3, activation="softmax", name="kind")(x),
                            "size": layers.Dense(1, name="size")(x)})
model.compile(OPTIMIZER, {"kind": "sparse_categorical_crossentropy", "size": "mse"})
y = {"kind": ids, "size": X[:, 3] + X[:, 4]}
fit |= dict(epochs=20)
"""
        + SPLIT,
    ),
    "a subclassed model": (
        "layers in __init__, a call, nothing else",
        START + STACKED.replace("BODY", "return self.head(self.first(x))") + SPARSE + SPLIT,
    ),
    "a subclassed model that asks for values": (
        "a call that symbols cannot follow: treated in training alone",
        START
        + STACKED.replace("BODY", "return self.head(self.first(x if float(keras.ops.sum(x)) != 0.5 else -x))")
        + "model.compile(OPTIMIZER, 'sparse_categorical_crossentropy', metrics=['accuracy'], run_eagerly=True)\n"
        + SPLIT,
    ),
    "a train_step of one's own": (
        "a subclassed model that trains by itself",
        START
        + STACKED.replace("BODY", "return self.head(self.first(x))").replace(
            "model = Mine", "    def train_step(self, data):\n        return super().train_step(data)\nmodel = Mine"
        )
        + SPARSE
        + SPLIT,
    ),
    "loaded weights": (
        "a frozen backbone with set_weights, a fresh head",
        START
        + """
base = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="relu")], name="base")
base.set_weights([np.hstack([3 * np.eye(8, 8), -3 * np.eye(8, 8), np.eye(8, 8)]), np.zeros(24)])
base.trainable = False
model = keras.Sequential([keras.Input((8,)), base, layers.Dense(3, activation="softmax")])
"""
        + SPARSE
        + SPLIT,
    ),
    "a schedule of one's own": (
        "LearningRateScheduler, EarlyStopping(restore_best_weights=True)",
        START
        + NET
        + SPARSE
        + SPLIT
        + """
fit |= dict(callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.95),
                       keras.callbacks.EarlyStopping(patience=8, restore_best_weights=True)])
""",
    ),
    "a label a step": (
        "sequences with a class for every step",
        START
        + """
y = rng.integers(0, 3, (240, 10))
X = (np.eye(3)[y] * 3 + rng.normal(size=(240, 10, 3))).astype("float32")
model = keras.Sequential([keras.Input((10, 3)), layers.Conv1D(16, 3, padding="same", activation="relu"),
                          layers.Dense(3, activation="softmax")])
"""
        + SPARSE
        + SPLIT,
    ),
    "a class a pixel": (
        "masks as labels, a small convolutional net",
        START
        + BLOBS
        + """
y = inside.astype("int64")
model = keras.Sequential([keras.Input((16, 16, 1)), layers.Conv2D(8, 3, padding="same", activation="relu"),
                          layers.Conv2D(8, 3, padding="same", activation="relu"),
                          layers.Conv2D(1, 1, activation="sigmoid")])
model.compile(OPTIMIZER, "binary_crossentropy", metrics=["accuracy"])
"""
        + SPLIT,
    ),
    "an autoencoder": (
        "y is X",
        START
        + """
X = (rng.normal(size=(600, 4)) @ rng.normal(size=(4, 32))).astype("float32")
y = X
model = keras.Sequential([keras.Input((32,)), layers.Dense(16, activation="relu"), layers.Dense(8, activation="relu"),
                          layers.Dense(16, activation="relu"), layers.Dense(32)])
model.compile(OPTIMIZER, "mse")
fit |= dict(epochs=30)
"""
        + SPLIT,
    ),
    "a forecast": (
        "windows in the order of time, order=True",
        START
        + """
wave = np.sin(np.arange(900) / 9) + 0.1 * rng.normal(size=900)
X = np.stack([wave[i : i + 24] for i in range(860)])[..., None].astype("float32")
y = wave[36:896].astype("float32")
model = keras.Sequential([keras.Input((24, 1)), layers.Flatten(), layers.Dense(24, activation="relu"), layers.Dense(1)])
model.compile(OPTIMIZER, "mse")
fit |= dict(order=True)
"""
        + SPLIT,
    ),
    "a loss on distances": (
        "a siamese net with a contrastive loss of its own",
        START
        + """
one, two = keras.Input((8,)), keras.Input((8,))
read = keras.Sequential([keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(4)])
apart = layers.Lambda(lambda t: keras.ops.sqrt(keras.ops.sum((t[0] - t[1]) ** 2, -1, keepdims=True) + 1e-9))
model = keras.Model([one, two], apart([read(one), read(two)]))
other = rng.permutation(600)
X, y = [X, X[other]], (ids == ids[other]).astype("float32")
def contrastive(same, d):
    same = keras.ops.reshape(keras.ops.cast(same, "float32"), (-1, 1))
    return keras.ops.mean(same * d**2 + (1 - same) * keras.ops.maximum(1.0 - d, 0.0) ** 2)
model.compile(OPTIMIZER, contrastive)
"""
        + SPLIT,
    ),
}
"""By kind: what it is in words, and its source."""
