"""What Keras promises of ``fit`` and its callbacks holds under `remedy.autolog`, too: trained alone and logged, alike."""

import collections

import keras
import pytest
from keras import callbacks

import remedy

from .conftest import blobs


class Interrupted(Exception):
    pass


class Breaks(callbacks.Callback):
    """Ends a training as a crash would."""

    def __init__(self, batch):
        super().__init__()
        self.left = batch

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if not self.left:
            raise Interrupted


class Heard(callbacks.Callback):
    """Writes down every call that it gets."""

    def __init__(self):
        super().__init__()
        self.calls = []
        for name in ("train", "test", "epoch", "train_batch", "test_batch"):
            for side in ("begin", "end"):
                setattr(self, f"on_{name}_{side}", self._hear(f"{name} {side}"))

    def _hear(self, name):
        return lambda *arguments, **logs: self.calls.append((name, *(a for a in arguments if isinstance(a, int))))


def net(metrics=("accuracy",)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "categorical_crossentropy", metrics=list(metrics))
    return model


def fitted(model, *watch, **fit):
    X, y = blobs(rows=96)
    history = model.fit(X, y, **{"epochs": 4, "batch_size": 16, "verbose": 0, "callbacks": list(watch), **fit})
    return history.epoch, history.history, [w.tolist() for w in model.get_weights()]


def backup(folder, **how):
    with pytest.raises(Interrupted):
        fitted(net(), callbacks.BackupAndRestore(folder, **how), Breaks(15))
    left = sorted(path.name for path in folder.iterdir())
    return left, fitted(net(), callbacks.BackupAndRestore(folder, **how)), folder.exists()


def checkpoints(folder):
    saved = callbacks.ModelCheckpoint(folder / "{epoch}.keras", monitor="val_loss", save_best_only=True)
    told = fitted(net(), saved, validation_split=0.25)
    return told, sorted(path.name for path in folder.iterdir())


def stopping(folder):
    stop = callbacks.EarlyStopping("val_loss", min_delta=10.0, patience=2, restore_best_weights=True)
    return fitted(net(), stop, validation_split=0.25, epochs=9), stop.stopped_epoch, stop.best_epoch


def schedule(folder):
    return fitted(net(), callbacks.LearningRateScheduler(lambda epoch, rate: rate / (1 + epoch)))


def plateau(folder):
    return fitted(net(), callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=5.0))


def written(folder):
    fitted(net(), callbacks.CSVLogger(folder / "log.csv"))
    return (folder / "log.csv").read_text()


def nan_ends(folder):
    model = net()
    model.optimizer.learning_rate = 1e30
    return fitted(model, callbacks.TerminateOnNaN(), epochs=9)[0]


def calls(folder):
    heard = Heard()
    fitted(net(), heard, validation_split=0.25, validation_freq=2)
    return heard.calls


def later_epochs(folder):
    return fitted(net(), initial_epoch=2, epochs=5)[:2]


def few_steps(folder):
    return fitted(net(), steps_per_epoch=3)[:2]


def twice(folder):
    model = net()
    return fitted(model), fitted(model), int(model.optimizer.iterations)


def lambdas(folder):
    said = []
    fitted(net(), callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: said.append((epoch, sorted(logs)))))
    return said


def named_tuples(folder):
    Pair = collections.namedtuple("Pair", "left right")
    X, y = blobs(rows=96)
    keras.utils.set_random_seed(0)
    inputs = Pair(keras.Input((6,)), keras.Input((6,)))
    model = keras.Model(inputs, keras.layers.Dense(3, "softmax")(keras.layers.Add()(list(inputs))))
    model.compile("sgd", "categorical_crossentropy")
    return model.fit(Pair(X, X), y, epochs=2, verbose=0).history


BEHAVIOURS = {
    "a backup after an epoch": backup,
    "a backup every few batches": lambda folder: backup(folder, save_freq=4),
    "a backup that stays": lambda folder: backup(folder, save_freq=1, delete_checkpoint=False),
    **{
        made.__name__.replace("_", " "): made
        for made in (checkpoints, stopping, schedule, plateau, written, nan_ends, calls, later_epochs, few_steps)
    },
    **{made.__name__.replace("_", " "): made for made in (twice, lambdas, named_tuples)},
}


@pytest.fixture
def autologged():
    yield remedy.autolog
    remedy.autolog(disable=True)


QUICK = ("a backup after an epoch", "stopping", "calls", "named tuples")


@pytest.mark.parametrize(
    "behaviour",
    [pytest.param(made, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, made in BEHAVIOURS.items()],
)
@pytest.mark.filterwarnings("ignore::remedy.RemedyWarning")
def test_keras_does_under_autologging_what_it_does_alone(store, tmp_path, autologged, behaviour):
    folders = [tmp_path / "alone", tmp_path / "logged"]
    for folder in folders:
        folder.mkdir()
    alone = behaviour(folders[0])
    autologged(experiment="behaviour")
    assert repr(behaviour(folders[1])) == repr(alone)
