import keras
import numpy as np

import remedy

keras.utils.set_random_seed(0)
rng = np.random.default_rng(0)
y = rng.choice(3, size=600, p=[0.85, 0.1, 0.05])
X = 500 + 100 * (rng.normal(size=(600, 8)) + 2 * np.eye(8)[y])

model = keras.Sequential(
    [
        keras.Input((8,)),
        keras.layers.Dense(16, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(3, activation="softmax"),
    ]
)
model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy", metrics=["accuracy"])

result = remedy.fit(model, X, y, epochs=15, validation_split=0.2, verbose=2, search=remedy.Search(timeout=30))
if result.fix:
    best = result.fix.model  # the repaired network; it takes your raw X
    print(f"{result.fix.score:.3f} on rows that nothing was trained on or chosen by")
