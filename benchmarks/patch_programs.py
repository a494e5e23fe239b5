"""Small programs of many kinds of input, as source: each names ``model``, ``X``, ``y`` and ``fit``."""

START = """
import keras
import numpy as np
from keras import layers
keras.utils.set_random_seed(SEED)
rng = np.random.default_rng(0)
labels = rng.choice(3, size=240, p=[0.6, 0.25, 0.15])
"""
TABLE = "X = (50 + 20 * (rng.normal(size=(240, 8)) + 2 * np.eye(8)[labels])).astype('float32')\n"
NET = """
model = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="sigmoid"), layers.Dropout(0.5),
                          layers.Dense(24, activation="relu"), layers.Dense(3, activation="softmax")])
"""
END = """
model.compile(keras.optimizers.Adam(0.01), LOSS, metrics=["accuracy"])
fit = dict(epochs=20, batch_size=16, FIT)
"""


def ended(loss: str, fit: str = "") -> str:
    """Return the last lines of a program with this loss and these further keywords of ``fit``."""
    return END.replace("LOSS", repr(loss)).replace("FIT", fit)


SPARSE = "sparse_categorical_crossentropy"
SOURCES = {
    "class ids": START + TABLE + "y = labels\n" + NET + ended(SPARSE, "validation_split=0.2"),
    "one-hot, class weights": START
    + TABLE
    + "y = np.eye(3)[labels].astype('float32')\n"
    + NET
    + ended("categorical_crossentropy", "class_weight={0: 1.0, 1: 2.0, 2: 3.0}"),
    "two classes, row weights": START
    + TABLE
    + "y = (labels > 0).astype('float32')\n"
    + """
model = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="relu"), layers.BatchNormalization(),
                          layers.Dense(24, activation="relu"), layers.Dense(1, activation="sigmoid")])
"""
    + ended("binary_crossentropy", "sample_weight=np.where(labels > 0, 2.0, 1.0)"),
    "labels -1 and 1": START
    + TABLE
    + "y = np.where(labels > 0, 1.0, -1.0)\n"
    + """
model = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="tanh"),
                          layers.Dense(1, activation="sigmoid")])
"""
    + ended("binary_crossentropy"),
    "prices": START
    + "X = rng.normal(size=(240, 8)).astype('float32')\n"
    + "y = 30000 + 9000 * (X[:, 0] + X[:, 1] * X[:, 2])\n"
    + """
model = keras.Sequential([keras.Input((8,)), layers.Dense(32, activation="relu"), layers.Dense(32, activation="relu"),
                          layers.Dense(1)])
"""
    + ended("mse", "validation_split=0.2").replace('"accuracy"', '"mae"'),
    "several labels": START
    + TABLE
    + "y = np.stack([labels > 0, labels > 1], 1).astype('float32')\n"
    + """
model = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="relu"),
                          layers.Dense(2, activation="sigmoid")])
"""
    + ended("binary_crossentropy"),
    "photos": START
    + """
X = rng.integers(0, 60, (240, 12, 12, 3)).astype("float32")
X[np.arange(240), 2 + 3 * labels] += 150
y = labels
model = keras.Sequential([
    keras.Input((12, 12, 3)), layers.Conv2D(8, 3, padding="same", activation="relu"), layers.MaxPooling2D(),
    layers.Conv2D(16, 3, padding="same", activation="relu"), layers.Dropout(0.5), layers.Flatten(),
    layers.Dense(32, activation="relu"), layers.Dense(3, activation="softmax")])
"""
    + ended(SPARSE, "validation_split=0.2"),
    "series": START
    + """
waves = np.sin(np.arange(20)[None, :, None] * (1 + labels)[:, None, None])
X = (5 + rng.normal(size=(240, 20, 2)) + waves).astype("float32")
y = labels
model = keras.Sequential([keras.Input((20, 2)), layers.Conv1D(8, 3, activation="relu"), layers.BatchNormalization(),
                          layers.LSTM(12, activation="tanh"), layers.Dense(3, activation="softmax")])
"""
    + ended(SPARSE),
    "token ids": START
    + """
X = rng.integers(5, 40, (240, 12))
X[:, 0] = 1 + labels
X[:, 8:] = 0
y = labels
model = keras.Sequential([keras.Input((12,)), layers.Embedding(40, 8), layers.LSTM(12),
                          layers.Dense(3, activation="softmax")])
"""
    + ended(SPARSE),
    "two inputs": START
    + TABLE
    + """
X = [X[:, :5], X[:, 5:] * 10]
y = labels
one, two = keras.Input((5,)), keras.Input((3,))
x = layers.Dense(16, activation="relu")(layers.Concatenate()([one, two]))
model = keras.Model([one, two], layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))
"""
    + ended(SPARSE, "validation_split=0.2"),
    "inputs by name": START
    + TABLE
    + """
X = {"age": X[:, :5], "weight": X[:, 5:] * 10}
y = labels
one, two = keras.Input((5,), name="age"), keras.Input((3,), name="weight")
x = layers.Dense(16, activation="relu")(layers.Concatenate()([one, two]))
model = keras.Model({"age": one, "weight": two}, layers.Dense(3, activation="softmax")(layers.Dropout(0.5)(x)))
"""
    + ended(SPARSE, "validation_split=0.2"),
    "a model in a model": START
    + TABLE
    + """
y = labels
inner = keras.Sequential([keras.Input((8,)), layers.Dense(24, activation="relu"), layers.Dense(24, activation="relu")])
rows = keras.Input((8,))
x = layers.Dropout(0.6)(layers.Lambda(lambda t: t * 1.0)(inner(rows)))
model = keras.Model(rows, layers.Dense(3, activation="softmax")(x))
"""
    + ended(SPARSE, "validation_split=0.2"),
    "operations between layers": START
    + TABLE
    + """
y = labels
rows = keras.Input((8,))
first = layers.Dense(24, activation="relu")(rows / 50.0)
second = first + layers.Dense(24)(first)
x = layers.Dropout(0.5)(layers.Dense(16)(keras.ops.relu(second)))
model = keras.Model(rows, layers.Dense(3, activation="softmax")(x))
"""
    + ended(SPARSE, "validation_split=0.2"),
    "a tf.data stream": START
    + TABLE
    + NET
    + "import tensorflow as tf\n"
    + "rows = tf.data.Dataset.from_tensor_slices\n"
    + "held = rows((X[192:], labels[192:])).batch(16)\n"
    + "X, y = rows((X[:192], labels[:192])).shuffle(192, seed=0).batch(16), None\n"
    + ended(SPARSE, "validation_data=held").replace("batch_size=16, ", ""),
    "a PyDataset": START
    + TABLE
    + NET
    + """
table, ids = X, labels
class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 15
    def __getitem__(self, i):
        return table[16 * i : 16 * i + 16], ids[16 * i : 16 * i + 16]
X, y = Batches(), None
"""
    + ended(SPARSE).replace("batch_size=16, ", ""),
    "rows with holes": START
    + TABLE
    + "X[rng.random(X.shape) < 0.05] = np.nan\n"
    + "y = labels\n"
    + NET
    + ended(SPARSE, "validation_split=0.2"),
    "a label a step": START
    + """
y = rng.integers(0, 3, (240, 10))
X = (np.eye(3)[y] * 30 + rng.normal(size=(240, 10, 3))).astype("float32")
model = keras.Sequential([keras.Input((10, 3)), layers.LSTM(12, return_sequences=True),
                          layers.Dense(3, activation="softmax")])
"""
    + ended(SPARSE),
    "prices, validated by a stream": START
    + "X = rng.normal(size=(240, 8)).astype('float32')\n"
    + "y = 30000 + 9000 * (X[:, 0] + X[:, 1] * X[:, 2])\n"
    + """
import tensorflow as tf
held = tf.data.Dataset.from_tensor_slices((X[192:], y[192:])).batch(16)
X, y = X[:192], y[:192]
model = keras.Sequential([keras.Input((8,)), layers.Dense(32, activation="relu"), layers.Dense(1)])
"""
    + ended("mse", "validation_data=held").replace('"accuracy"', '"mae"'),
    "an output by name": START
    + TABLE
    + """
y = {"kind": labels}
rows = keras.Input((8,))
x = layers.Dropout(0.5)(layers.Dense(24, activation="relu")(rows))
model = keras.Model(rows, {"kind": layers.Dense(3, activation="softmax", name="kind")(x)})
"""
    + ended(SPARSE).replace("'sparse_categorical_crossentropy'", "{'kind': 'sparse_categorical_crossentropy'}"),
}
