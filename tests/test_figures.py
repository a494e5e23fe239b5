"""Pictures show what they claim: read back from the axes that were drawn."""

import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from PIL import Image

from remedy.diagnosis import Diagnosis, Examination
from remedy.evidence.confusion import Confusion
from remedy.evidence.evidence import Evidence, Look, Shallow
from remedy.prescription import Change, Prescription
from remedy.reporting import figures
from remedy.reporting.figures.classes import shares_of_predictions
from remedy.reporting.figures.layers import grid
from remedy.reporting.figures.trials import best_so_far, kind
from remedy.search.attempts import Attempt, Course
from remedy.training.engines._base import Outcome

NAN, INF = float("nan"), float("inf")
CAUSE = Diagnosis("GEN403", "majority-collapse", "error", "One class for everything.", epoch=3)
BEFORE = Evidence(
    task="multiclass",
    loss=(1.1, 1.0, 1.0, 1.0),
    val_loss=(1.1, 1.1, 1.0, 1.0),
    probe_score=(0.33, 0.33, 0.33, 0.33),
    constant_score=1 / 3,
    prior_loss=1.0986,
    shallow=Shallow(2, 0.9, 0.01, 1 / 3, "a linear model"),
    predicted_counts=((100, 0, 0),) * 4,
)
AFTER = Evidence(task="multiclass", loss=(1.0, 0.5, 0.2), probe_score=(0.4, 0.7, 0.95))
TWO = (Confusion(("0", "1"), ((6, 2), (4, 0))), Confusion(("0", "1"), ((7, 1), (1, 3))))


def lines(axis):
    """Everything drawn as a line, by its label."""
    return {line.get_label(): line for line in axis.get_lines()}


def bars(axis):
    """Heights (or widths) of every set of bars, by its label."""
    return {c.get_label(): list(c.datavalues) for c in axis.containers if isinstance(c, BarContainer)}


def drawn(figure) -> np.ndarray:
    """The picture as an array; drawing it must not fail."""
    assert isinstance(figure, Figure)
    return np.asarray(Image.open(io.BytesIO(figures.png(figure))))


def attempt(number, score, *, stuck=None, error=None, cut=False, names=("learning-rate",)):
    outcome = Outcome((score,) if score is not None else (), stuck=stuck, error=error, seconds=1.0)
    prescription = Prescription(tuple((name, {"rate": 0.1}) for name in names) if number else ())
    return Attempt(number, prescription, None, outcome, cut=cut)


def test_before_and_after_shows_both_runs_and_marks_the_moment_of_the_diagnosis_with_its_name():
    figure = figures.before_and_after(BEFORE, AFTER, CAUSE)
    loss, score = figure.axes
    assert list(lines(loss)["before, training"].get_ydata()) == list(BEFORE.loss)
    assert list(lines(loss)["after, training"].get_ydata()) == list(AFTER.loss)
    assert list(lines(score)["after"].get_ydata()) == list(AFTER.probe_score)
    for axis in figure.axes:
        (mark,) = [line for line in axis.get_lines() if line.get_gid() == "diagnosis"]
        assert set(mark.get_xdata()) == {3}
    assert "majority-collapse" in [text.get_text() for text in loss.get_legend().get_texts()]
    assert lines(score)["a linear model, shallow"].get_ydata()[0] == 0.9
    drawn(figure)


def test_a_mark_before_training_and_none_at_all_can_be_drawn():
    figure = figures.before_and_after(BEFORE, AFTER, replace(CAUSE, epoch=0))
    named = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "majority-collapse (before training)" in named
    plain = figures.before_and_after(BEFORE, AFTER, None).axes[0]
    assert not [text for text in plain.get_legend().get_texts() if "majority" in text.get_text()]
    drawn(figure)


@pytest.mark.parametrize("end", [NAN, INF])
def test_a_series_that_ends_in_no_number_is_shown_up_to_there_with_a_cross(end):
    sick = replace(BEFORE, loss=(0.7, 0.9, end, end), nonfinite_epoch=2, nonfinite_what="loss")
    figure = figures.curves(sick, Examination((CAUSE,)))
    shown = lines(figure.axes[0])["training"].get_ydata()
    assert list(shown[:2]) == [0.7, 0.9]
    assert np.isnan(shown[2:]).all()
    cross = lines(figure.axes[0])["not finite"]
    assert (cross.get_marker(), cross.get_xdata()[0], cross.get_ydata()[0]) == ("x", 3, 0.9)
    drawn(figure)


def test_a_loss_that_was_never_a_number_is_a_cross_at_the_first_epoch():
    figure = figures.curves(Evidence(loss=(NAN, NAN)), Examination((CAUSE,)))
    assert lines(figure.axes[0])["not finite"].get_xdata()[0] == 1
    drawn(figure)


def test_a_loss_that_spans_many_orders_is_drawn_on_a_logarithmic_axis_and_a_calm_one_is_not():
    wild = figures.curves(Evidence(loss=(1e9, 3.0, 0.5)), Examination())
    assert wild.axes[0].get_yscale() == "log"
    assert figures.curves(BEFORE, Examination()).axes[0].get_yscale() == "linear"
    negative = figures.curves(Evidence(loss=(-5.0, -1e9)), Examination())
    assert negative.axes[0].get_yscale() == "linear"
    drawn(wild)


@pytest.mark.parametrize("evidence", [Evidence(), Evidence(loss=(1.0,)), replace(AFTER, predicted_counts=((3, 7),))])
def test_curves_are_drawn_of_whatever_is_there(evidence):
    drawn(figures.curves(evidence, Examination(), "a $title with {no formula"))


def test_of_many_classes_the_nine_predicted_most_have_a_shade_and_the_others_one_together():
    counts = tuple(tuple(200 - k for k in range(200)) for _ in range(3))
    evidence = Evidence(task="multiclass", loss=(1.0, 1.0, 1.0), predicted_counts=counts)
    shares = shares_of_predictions(evidence)
    assert list(shares) == [*(f"class {k}" for k in range(9)), "others"]
    assert sum(row[0] for row in shares.values()) == pytest.approx(1)
    drawn(figures.curves(evidence, Examination()))


def test_confusion_shows_both_matrices_as_shares_of_the_true_class():
    figure = figures.confusion(TWO)
    first, second = (axis.get_images()[0].get_array() for axis in figure.axes)
    assert first.tolist() == [[0.75, 0.25], [1.0, 0.0]]
    assert second.tolist() == [[0.875, 0.125], [0.25, 0.75]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["6", "2", "4"]
    assert [axis.get_title() for axis in figure.axes] == ["before", "after"]
    drawn(figure)


def test_a_class_that_never_occurs_is_an_empty_row_and_has_no_bar():
    matrix = Confusion(("0", "1", "2"), ((5, 0, 1), (0, 0, 0), (0, 1, 3)))
    figure = figures.confusion((matrix, matrix))
    assert np.ma.getmaskarray(figure.axes[0].get_images()[0].get_array())[1].all()
    drawn(figure)
    found = bars(figures.recalls((matrix, matrix)).axes[0])
    assert found["before"] == pytest.approx([5 / 6, 3 / 4])


def test_a_single_class_can_be_drawn():
    only = Confusion(("7",), ((9,),))
    assert figures.confusion((only, only)).axes[0].get_images()[0].get_array().tolist() == [[1.0]]
    drawn(figures.confusion((only, only)))
    drawn(figures.recalls((only, only)))


def test_two_hundred_classes_are_drawn_without_numbers_and_with_few_names():
    counts = tuple(tuple(int(i == k) * 3 for k in range(200)) for i in range(200))
    many = Confusion(tuple(str(k) for k in range(200)), counts)
    figure = figures.confusion((many, many))
    assert figure.axes[0].get_images()[0].get_array().shape == (200, 200)
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_yticks()) <= 25
    assert max(drawn(figure).shape) < 2500
    assert len(bars(figures.recalls((many, many)).axes[0])["after"]) == 200


def test_recalls_stand_beside_each_other_class_by_class():
    found = bars(figures.recalls(TWO).axes[0])
    assert found == {"before": [0.75, 0.0], "after": [0.875, 0.75]}


def test_labels_that_exclude_nothing_have_recalls_and_no_matrix():
    several = Confusion(("0", "1"), ((6, 0), (0, 0)), missed=(2, 5))
    assert figures.confusion((several, several)) is None
    assert bars(figures.recalls((several, several)).axes[0])["after"] == [0.75, 0.0]


def test_of_a_regression_predicted_stands_against_true_and_what_is_no_number_is_counted():
    before = Evidence(answers=((1.0, 5.0), (2.0, 5.0), (3.0, NAN)))
    after = Evidence(answers=((1.0, 1.1), (2.0, 2.1), (3.0, 2.9)))
    figure = figures.predicted_against_true(before, after)
    assert list(lines(figure.axes[0])["before"].get_ydata()) == [5.0, 5.0]
    assert list(lines(figure.axes[1])["after"].get_ydata()) == [1.1, 2.1, 2.9]
    assert figure.axes[0].get_title() == "before (1 answers are not finite)"
    drawn(figure)


def test_layers_have_a_column_for_every_look_and_an_empty_one_for_epochs_left_out():
    looks = (
        Look(2, gradients={"a": 1e-3, "b": 0.0}, dead={"a": 0.5}),
        Look(3, gradients={"a": 1e-4, "b": NAN}, dead={"a": 0.75}),
        Look(8, gradients={"a": 1e-5, "b": 10.0}, dead={"a": 1.0}),
    )
    assert grid(looks, "dead") == (["a"], [2, 3, None, 8], [[0.5, 0.75, None, 1.0]])
    figure = figures.layers(Evidence(looks=looks))
    gradient, dead = [axis for axis in figure.axes if axis.get_images()][:2]
    shown = gradient.get_images()[0].get_array()
    assert shown[0].filled(99).tolist() == pytest.approx([-3, -4, 99, -5])
    assert shown[1].filled(99).tolist() == pytest.approx([-12, 99, 99, 1])
    assert [label.get_text() for label in gradient.get_xticklabels()] == ["2", "3", "8"]
    (cross,) = gradient.get_lines()
    assert (list(cross.get_xdata()), list(cross.get_ydata())) == ([1], [1])
    assert dead.get_images()[0].get_clim() == (0, 1)
    drawn(figure)


def test_three_hundred_layers_with_long_names_fit_in_one_picture():
    names = [f"encoder_block_{i}_a_name_that_goes_on_$_{i}" for i in range(300)]
    look = Look(1, gradients=dict.fromkeys(names, 1e-2), dead=dict.fromkeys(names, 0.1))
    figure = figures.layers(Evidence(looks=(look,)))
    image = next(axis for axis in figure.axes if axis.get_images())
    assert image.get_images()[0].get_array().shape == (300, 1)
    assert len(image.get_yticks()) <= 25
    assert drawn(figure).shape[0] < 1500


def test_layers_that_nobody_looked_at_are_not_drawn():
    assert figures.layers(Evidence()) is None
    assert figures.layers(Evidence(looks=(Look(1),))) is None


def test_search_shows_every_trial_the_best_so_far_and_what_to_compare_with():
    tried = (
        attempt(0, 0.4, stuck="majority-collapse"),
        attempt(1, None, error="out of memory"),
        attempt(2, 0.7),
        attempt(3, 0.6, cut=True),
    )
    course = Course(tried, "balanced_accuracy", 0.33, Shallow(0, 0.8, 0.01, 0.33, "a random forest"))
    assert [kind(a) for a in tried] == ["stuck again", "failed", "trained", "cut by the time"]
    assert best_so_far(tried) == [0.4, 0.4, 0.7, 0.7]
    figure = figures.search(course)
    found = lines(figure.axes[0])
    assert list(found["best so far"].get_ydata()) == [0.4, 0.4, 0.7, 0.7]
    assert (list(found["trained"].get_xdata()), list(found["trained"].get_ydata())) == ([2], [0.7])
    assert found["failed"].get_xdata()[0] == 1
    assert found["failed"].get_ydata()[0] < 0.33
    levels = ("untouched", "best constant answer", "a random forest, shallow")
    assert [found[name].get_ydata()[0] for name in levels] == [0.4, 0.33, 0.8]
    drawn(figure)


def test_a_search_without_trials_is_not_drawn_and_one_that_only_failed_is():
    assert figures.search(Course()) is None
    failed = Course((attempt(0, None, error="no"), attempt(1, None, error="no")))
    assert best_so_far(failed.attempts) == [None, None]
    drawn(figures.search(failed))


def test_remedies_have_a_bar_for_what_was_measured_and_say_what_was_not():
    changes = (Change("scale-inputs", "raw", "scaled", 0.2, 0.5), Change("learning-rate", "1", "0.1", None, -0.01))
    figure = figures.remedies(changes)
    assert bars(figure.axes[0]) == {"gained by it alone": [0.2], "lost without it": [0.5, -0.01]}
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["not measured"]
    assert figures.remedies((Change("scale-inputs", "raw", "scaled"),)) is None
    assert figures.remedies(()) is None
    drawn(figure)


def test_the_same_evidence_gives_the_same_bytes():
    first, second = (figures.png(figures.before_and_after(BEFORE, AFTER, CAUSE)) for _ in range(2))
    assert first == second


def test_a_legend_covers_no_line():
    for figure in (figures.before_and_after(BEFORE, AFTER, CAUSE), figures.curves(BEFORE, Examination((CAUSE,)))):
        figure.canvas.draw()
        for axis in figure.axes:
            legend, panel = axis.get_legend().get_window_extent(), axis.get_window_extent()
            assert legend.y1 <= panel.y0
            assert legend.y0 >= 0
