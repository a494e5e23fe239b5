"""Search and confirmation on a scripted engine: order, budget, rungs, honesty."""

from dataclasses import replace

import numpy as np
import pytest

from remedy import registry
from remedy.data.dataset import Dataset
from remedy.data.rows import Rows
from remedy.data.scores import scorer_for
from remedy.diagnosis import Diagnosis
from remedy.errors import NotApplicable
from remedy.evidence.records import Shallow
from remedy.prescription import Prescription, patch
from remedy.reporting import conclusions
from remedy.results import Fix
from remedy.search import confirmation
from remedy.search.ablation import changes, reduce
from remedy.search.attempts import Attempt
from remedy.search.budget import Budget, Shares
from remedy.search.candidates import candidates
from remedy.search.context import SearchContext
from remedy.search.local_search import improvements
from remedy.search.options import Search
from remedy.search.proof import Proof
from remedy.search.schedule import Schedule
from remedy.search.stopping import StoppingRule
from remedy.testing import ScriptedEngine, check_patches, specimen
from remedy.training.engines._base import Job, Outcome

SICK = (
    Diagnosis(
        "GEN403",
        "majority-collapse",
        "error",
        "stuck",
        epoch=4,
        remedies=("scale-inputs", "learning-rate", "less-dropout"),
        symptom=True,
    ),
    Diagnosis("DAT101", "class-imbalance", "warning", "9 to 1", remedies=("class-weights", "oversampling")),
)


class Heard:
    """A listener that keeps what it hears."""

    def __init__(self):
        self.stages, self.steps, self.attempts = [], [], []

    def stage(self, name, total):
        self.stages.append(name)

    def step(self, name, score):
        self.steps.append((name, score))

    def attempt(self, attempt):
        self.attempts.append(attempt)


def names_of(job: Job, recipe):
    """Which remedies a scripted job's recipe carries."""
    found = set()
    if job.recipe.input_scaling:
        found.add("scale-inputs")
    if job.recipe.optimizer["config"]["learning_rate"] != recipe.optimizer["config"]["learning_rate"]:
        found.add("learning-rate")
    if job.recipe.class_weight or job.recipe.resampling:
        found.add("balance")
    rates = [layer["config"]["rate"] for layer in job.recipe.architecture.layers("Dropout")]
    if max(rates) < 0.5:
        found.add("less-dropout")
    return found


def scheduled(engine, options=None, epochs=9, rule=None):
    recipe, data = specimen()
    recipe = recipe.replace(epochs=epochs)
    options = options or Search(trials=20, timeout=None)
    data = data.for_search(0)
    budget, rule = Budget(options.timeout, engine), rule or StoppingRule()
    made = Schedule(SearchContext(data, recipe, registry.remedies(), engine, options, Heard(), budget, rule))
    scorer = scorer_for(data.task, data.holdout.target)
    return made, scorer


def cured_by(*needed):
    """A script: 1/3 unless all needed remedies are there, then rising with the epochs to 0.9."""

    def make(recipe):
        return lambda job, epoch: min(0.9, 0.4 + 0.1 * epoch) if set(needed) <= names_of(job, recipe) else 1 / 3

    return make


def run(script, epochs=9, **kwargs):
    recipe = specimen()[0]
    engine = ScriptedEngine(script(recipe))
    made, scorer = scheduled(engine, epochs=epochs, **kwargs)
    made.run(SICK, 1.0)
    return made, scorer, engine


def test_the_untouched_recipe_is_first_then_what_was_seen_before_training_then_singles_and_the_textbook():
    made, _, _ = run(cured_by("a remedy that nobody has"))
    names = [a.prescription.names for a in list(made.ledger)[:8]]
    assert names == [
        (),
        ("class-weights",),
        ("scale-inputs",),
        ("class-weights", "scale-inputs", "learning-rate"),
        ("class-weights", "scale-inputs", "learning-rate", "less-dropout"),
        ("learning-rate",),
        ("oversampling",),
        ("less-dropout",),
    ]


def test_once_a_combination_works_single_remedies_are_tried_on_top_of_it_only():
    made, _, _ = run(cured_by("scale-inputs", "learning-rate"))
    first = next(a.number for a in made.ledger if a.score > 0.5)
    assert all(len(a.prescription) > 1 for a in list(made.ledger)[first : first + 4])


def test_a_strong_result_that_nothing_beats_for_eight_attempts_ends_the_search():
    made, _ = scheduled(
        ScriptedEngine(cured_by("scale-inputs")(specimen()[0])),
        Search(trials=30, timeout=None),
        rule=StoppingRule(constant=1 / 3),
    )
    made.run(SICK, 1.0)
    assert len(made.ledger) - 1 - made.ledger.best().number == 8


def test_what_is_plainly_wrong_before_training_is_mended_in_every_prescription():
    plain = Diagnosis("OPT408", "invalid-learning-rate", "error", "negative", epoch=0, remedies=("learning-rate",))
    recipe = specimen()[0]
    engine = ScriptedEngine(cured_by("scale-inputs")(recipe))
    made, _ = scheduled(engine)
    made.run((plain, *SICK), 1.0)
    assert made.certain.names == ("learning-rate",)
    assert list(made.ledger)[1].prescription == made.certain
    assert all("learning-rate" in a.prescription.names for a in list(made.ledger)[1:])


def test_a_leader_is_trained_to_its_end_at_once_where_that_costs_little():
    made, _, _ = run(cured_by("scale-inputs"), epochs=40)
    first = next(a for a in made.ledger if "scale-inputs" in a.prescription.names)
    assert len(first.outcome.scores) == 40
    long = ScriptedEngine(cured_by("scale-inputs")(specimen()[0]), seconds_per_epoch=5.0)
    made, _ = scheduled(long, Search(timeout=300.0), epochs=40)
    made.run(SICK, 5.0)
    assert max(len(a.outcome.scores) for a in list(made.ledger)[:3]) < 40


def test_a_score_near_the_ceiling_ends_the_search():
    def cured(recipe):
        return lambda job, epoch: 0.99 if "scale-inputs" in names_of(job, recipe) else 1 / 3

    made, _, _ = run(cured)
    assert made.ledger.last.prescription.names == ("scale-inputs",)


def test_a_strong_shallow_model_is_a_yardstick_and_a_weak_one_is_not():
    recipe = specimen()[0]
    counts = []
    for score in (0.8, 0.5):
        made, _ = scheduled(
            ScriptedEngine(cured_by("scale-inputs")(recipe)),
            epochs=9,
            rule=StoppingRule(Shallow(0, score, 0.01, 1 / 3, "a forest")),
        )
        made.run(SICK, 1.0)
        counts.append(len(made.ledger))
    assert counts[0] == 3
    assert counts[0] < counts[1]


def test_scores_that_chance_may_have_put_in_order_are_a_draw_that_fewer_remedies_win():
    def script(recipe):
        return lambda job, epoch: {0: 0.4, 1: 0.7}.get(len(names_of(job, recipe)), 0.73)

    for error, most in ((0.0, 2), (0.08, 1)):
        made, _ = scheduled(ScriptedEngine(script(specimen()[0])), rule=StoppingRule(error=error))
        made.run(SICK, 1.0)
        assert len(made.ledger.best().prescription) == most
        assert (made.ledger.best().score > 0.7) is (error == 0.0)


def test_with_few_rows_to_choose_by_the_shallow_model_is_reached_sooner_but_not_at_once():
    shallow = Shallow(0, 0.8, 0.01, 0.3, "a forest")
    attempt = Attempt(1, Prescription((("scale-inputs", {}),)), None, Outcome((0.74,)))
    assert not StoppingRule(shallow).excellent(attempt)
    assert StoppingRule(shallow, error=0.07).excellent(attempt)
    far = replace(attempt, outcome=Outcome((0.7,)))
    assert not StoppingRule(shallow, error=0.5).excellent(far)


def new(more):
    """What improvements give until there is nothing new."""
    return list(iter(lambda: next(more), None))


def test_what_still_gets_better_at_its_end_is_trained_three_times_as_long():
    recipe, data = specimen()
    recipe = recipe.replace(epochs=9)
    rising = Attempt(1, Prescription(), recipe, Outcome(tuple(0.1 * e for e in range(9))))
    level = replace(rising, outcome=Outcome((0.8,) * 9))
    cut = replace(rising, outcome=Outcome((0.1, 0.4, 0.8)))
    for attempt, factor in ((rising, 3), (level, None), (cut, None)):
        best = lambda attempt=attempt: attempt  # noqa: E731
        more = improvements(best, [], registry.remedies(), ScriptedEngine(lambda job, epoch: 0.5), data, 0)
        doses = [dict(p.items).get("train-longer") for p in new(more)]
        assert doses == ([] if factor is None else [{"factor": factor}])


def test_more_epochs_are_not_tried_where_they_take_too_long():
    recipe, data = specimen()
    recipe = recipe.replace(epochs=9)
    rising = Attempt(1, Prescription(), recipe, Outcome(tuple(0.1 * e for e in range(9)), seconds=5.0))
    engine = ScriptedEngine(lambda job, epoch: 0.5)
    assert not new(improvements(lambda: rising, [], registry.remedies(), engine, data, 0, most_seconds=14.0))
    assert new(improvements(lambda: rising, [], registry.remedies(), engine, data, 0, most_seconds=16.0))


def test_what_has_no_best_to_improve_yet_is_asked_again_later():
    recipe, data = specimen()
    known = []
    more = improvements(
        lambda: known[-1] if known else None, [], registry.remedies(), ScriptedEngine(lambda job, epoch: 0.5), data, 0
    )
    assert next(more) is None
    known.append(Attempt(1, Prescription((("scale-inputs", {}), ("class-weights", {}))), recipe, Outcome((0.8,))))
    assert next(more) is not None


def test_the_rate_of_another_optimizer_is_varied_as_well():
    class Suggesting(ScriptedEngine):
        def suggest_rate(self, recipe, seed):
            return 0.01

    recipe, data = specimen()
    items = (("optimizer", {"kind": "RMSprop", "rate": 1e-3}), ("scale-inputs", {"kind": "standard"}))
    best = Attempt(1, Prescription(items), recipe, Outcome((0.8,)))
    more = improvements(lambda: best, [], registry.remedies(), Suggesting(lambda job, epoch: 0.5), data, 0)
    first = [dict(next(more).items) for _ in range(3)]
    assert [p["optimizer"]["rate"] for p in first] == pytest.approx([0.01, 0.03, 0.01 / 3])
    assert all(p["optimizer"]["kind"] == "RMSprop" and "scale-inputs" in p for p in first)


def test_epochs_that_there_was_no_time_for_are_not_prescribed():
    prescription = Prescription((("train-longer", {"factor": 30}), ("scale-inputs", {"kind": "standard"})))
    assert dict(prescription.shortened("train-longer", 270, 40).items)["train-longer"] == {"factor": 4}
    assert prescription.shortened("train-longer", 270, 12).names == ("scale-inputs",)
    assert prescription.shortened("train-longer", 270, 270) is prescription
    engine = ScriptedEngine(lambda job, epoch: 0.4 + 0.01 * epoch, seconds_per_epoch=0.2)
    made, _ = scheduled(engine, Search(timeout=100.0))
    unfinished = Diagnosis("OPT415", "too-few-steps", "warning", "few", remedies=("train-longer",))
    made.run((unfinished, *SICK), 0.2)
    longer = [a for a in made.ledger if "train-longer" in a.prescription.names]
    assert longer
    assert any(a.prescription == made.ledger.best().prescription for a in longer)
    assert all(
        len(a.outcome.scores) >= a.recipe.epochs for a in longer if a.prescription == made.ledger.best().prescription
    )


def test_small_programs_may_be_searched_longer_and_large_ones_leave_time_for_the_proof():
    assert Shares.that_leave(5.0, 60.0).screen == 0.6
    assert Shares.that_leave(500.0, 60.0) == Shares()


def test_nothing_is_trained_twice():
    _, _, engine = run(cured_by("scale-inputs"))
    fresh = [
        (j.recipe.digest, j.seed) for i, j in enumerate(engine.jobs) if j.key not in {k.key for k in engine.jobs[:i]}
    ]
    assert len(fresh) == len(set(fresh))


def test_remedies_that_exclude_each_other_are_never_given_together():
    made, _, _ = run(cured_by())
    assert not [a for a in made.ledger if {"class-weights", "oversampling"} <= set(a.prescription.names)]


def test_the_number_of_trials_is_kept():
    made, _, _ = run(cured_by("scale-inputs"), options=Search(trials=4, timeout=None))
    assert len(made.ledger) == 4


def test_the_best_go_on_with_the_weights_they_have():
    made, _, engine = run(cured_by("scale-inputs", "balance"), epochs=40)
    best = made.ledger.best()
    jobs = [j for j in engine.jobs if j.key == best.key]
    assert len(jobs) > 1
    assert [j.epochs for j in jobs] == sorted(j.epochs for j in jobs)
    assert best.score == 0.9


def test_an_endless_budget_is_none():
    assert Search(timeout=float("inf")).timeout is None


def test_the_budget_in_seconds_is_kept_within_a_tenth():
    engine = ScriptedEngine(lambda job, epoch: 0.5, seconds_per_epoch=2.0)
    made, scorer = scheduled(engine, Search(timeout=200.0), epochs=30)
    made.run(SICK, 2.0)
    reduce(made.search, made.ledger.best())
    confirmation.prove(made.search, made.ledger.best().prescription, scorer)
    assert engine.now <= 220


def test_near_the_top_the_time_goes_into_what_every_part_is_worth():
    """Only a prescription with three parts cures, so that none of them can be dropped."""
    recipe, needed = specimen()[0], {"scale-inputs", "learning-rate", "balance"}
    engine = ScriptedEngine(
        lambda job, epoch: 0.98 if needed <= names_of(job, recipe) else 1 / 3, seconds_per_epoch=0.5
    )
    made, scorer = scheduled(engine, Search(timeout=150.0), epochs=20, rule=StoppingRule(constant=1 / 3))
    made.run(SICK, 0.5)
    best = made.ledger.best()
    assert made.search.rule.near_top(best)
    assert not made.search.rule.near_top(replace(best, outcome=replace(best.outcome, scores=(0.9,))))
    reduction = reduce(made.search, best)
    proof = confirmation.prove(made.search, reduction.prescription, scorer)
    told = changes(made.search, reduction, made.search.dataset)
    assert len(told) >= 3
    assert all(change.alone is not None and change.without is not None for change in told)
    assert len(proof.seeds) == 3
    assert engine.now <= 150


def test_where_the_whole_proof_is_past_paying_one_seed_of_both_sides_is_kept_and_shown_unconfirmed():
    recipe = specimen()[0]
    engine = ScriptedEngine(lambda job, epoch: 0.75 if len(names_of(job, recipe)) > 1 else 0.3, seconds_per_epoch=1.5)
    made, scorer = scheduled(engine, Search(timeout=200.0), epochs=30)
    made.run(SICK, 1.5)
    best = made.ledger.best()
    assert made.search.pace.proof_seconds(best) > 200
    engine.now = 95.0
    assert made.search.pace.over(best, 0.3, waiting=True)
    proof = confirmation.prove(made.search, best.prescription, scorer)
    assert len(proof.seeds) == 1
    assert proof.promising
    assert not proof.holds


def test_where_time_pays_for_no_untouched_training_what_has_clearly_learnt_is_shown_with_nothing_to_compare():
    recipe = specimen()[0]
    engine = ScriptedEngine(lambda job, epoch: 0.9 if len(names_of(job, recipe)) > 1 else 0.3, seconds_per_epoch=1.5)
    made, scorer = scheduled(engine, Search(timeout=200.0), epochs=30)
    made.run(SICK, 1.5)
    engine.now = 160.0
    proof = confirmation.prove(made.search, made.ledger.best().prescription, scorer)
    assert (proof.treated, proof.baseline) == ((0.9,), ())
    assert proof.unmatched
    assert not proof.holds
    assert not proof.promising
    assert not replace(proof, treated=(0.4,)).unmatched
    told = _fix(proof, confirmed=False, baseline_score=None, score=0.88)
    text = conclusions.fixed(told, "balanced_accuracy", specimen()[1].for_search(0))
    assert text.startswith("Not confirmed: ")
    assert "balanced_accuracy 0.880 (the model handed over" in text
    assert "nothing was compared" in text
    assert "0.880, with nothing to compare it with" in str(told)


def test_trainings_that_go_on_at_the_same_time_make_a_proof_shorter():
    engine = ScriptedEngine(lambda job, epoch: 0.9, seconds_per_epoch=2.0)
    made, _ = scheduled(engine, Search(timeout=200.0), epochs=30)
    made.run(SICK, 2.0)
    alone = made.search.pace.proof_seconds(made.ledger.best())
    made.search.pace.at_once = 2
    assert made.search.pace.proof_seconds(made.ledger.best()) == pytest.approx(alone / 2)
    made.search.pace.at_once = 100
    assert made.search.pace.proof_seconds(made.ledger.best()) >= 60.0


def test_a_proof_begins_no_training_that_the_time_left_cannot_end():
    engine = ScriptedEngine(lambda job, epoch: 0.9, seconds_per_epoch=2.0)
    made, scorer = scheduled(engine, Search(timeout=200.0), epochs=30)
    made.run(SICK, 2.0)
    engine.now = 60.0
    engine.jobs.clear()
    confirmation.prove(made.search, made.ledger.best().prescription, scorer)
    assert [job.epochs for job in engine.jobs] == [30, 30]
    assert engine.now == 180.0


def test_where_time_is_scarce_the_combination_comes_before_the_last_single_remedies():
    engine = ScriptedEngine(lambda job, epoch: 0.5, seconds_per_epoch=12.0)
    made, _ = scheduled(engine, Search(timeout=200.0), epochs=9)
    made.run(SICK, 12.0)
    sizes = [len(a.prescription) for a in made.ledger]
    assert sizes[0] == 0
    assert sizes.count(1) < 5
    assert max(sizes) >= 3


def test_the_smallest_set_that_keeps_the_score_is_found():
    made, _, _ = run(cured_by("scale-inputs", "balance"))
    reduced = reduce(made.search, next(a for a in made.ledger if len(a.prescription) == 4))
    assert set(reduced.prescription.names) == {"scale-inputs", "class-weights"}
    assert reduced.lost["scale-inputs"] > 0.1


def test_a_smaller_set_that_did_not_hold_is_not_offered_again():
    made, _, _ = run(cured_by("scale-inputs"), options=Search(trials=10, timeout=None))
    best = next(a for a in made.ledger if len(a.prescription) == 4)
    smaller = reduce(made.search, best).prescription
    assert len(smaller) < 4
    assert reduce(made.search, best, [smaller]).prescription == best.prescription


def test_what_mends_a_certain_error_is_not_dropped_where_nothing_is_lost_without_it():
    made, _, _ = run(cured_by("scale-inputs"), options=Search(trials=10, timeout=None))
    best = next(a for a in made.ledger if len(a.prescription) == 4)
    spare = next(name for name in best.prescription.names if name != "scale-inputs")
    assert spare not in reduce(made.search, best).prescription.names
    assert spare in reduce(made.search, best, certain={spare}).prescription.names


def test_a_cure_is_confirmed_on_three_fresh_seeds_of_both_sides_on_the_holdout_rows():
    made, scorer, engine = run(cured_by("scale-inputs"))
    proof = confirmation.prove(made.search, made.ledger.best().prescription, scorer)
    jobs = [j for j in engine.jobs if j.judge_by == "holdout"]
    assert proof.holds
    assert len(jobs) == 6
    assert not {j.seed for j in jobs} & {j.seed for j in engine.jobs if j.judge_by == "validation"}
    assert {j.epochs for j in jobs} == {9}


def test_a_better_score_by_chance_on_validation_rows_is_no_fix():
    def lucky(recipe):
        return lambda job, epoch: 0.6 if job.judge_by == "validation" and names_of(job, recipe) else 0.34

    made, scorer, _ = run(lucky)
    assert made.ledger.best().score == 0.6
    assert not confirmation.prove(made.search, made.ledger.best().prescription, scorer).holds


def test_a_fix_must_beat_the_untouched_recipe_by_more_than_the_spread():
    proof = Proof((0.5, 0.5, 0.5), (0.5, 0.62, 0.9), margin=0.2, constant=1 / 3, seeds=(1, 2, 3))
    assert not proof.holds
    assert Proof((0.5, 0.5, 0.5), (0.75, 0.8, 0.9), margin=0.2, constant=1 / 3, seeds=(1, 2, 3)).holds


def test_a_recipe_that_fails_from_no_seed_is_a_fix_for_one_that_fails_from_some():
    steady = Proof((0.95, 0.48, 0.97), (0.91, 0.95, 0.92), margin=0.25, constant=0.5, seeds=(1, 2, 3))
    assert steady.holds
    assert not steady.better
    worse = Proof((0.95, 0.48, 0.97), (0.8, 0.81, 0.8), margin=0.25, constant=0.5, seeds=(1, 2, 3))
    still = Proof((0.95, 0.48, 0.97), (0.5, 0.95, 0.95), margin=0.25, constant=0.5, seeds=(1, 2, 3))
    sound = Proof((0.95, 0.96, 0.97), (0.95, 0.95, 0.95), margin=0.02, constant=0.5, seeds=(1, 2, 3))
    assert not worse.holds
    assert not still.holds
    assert not sound.holds
    assert replace(sound, seen=0.5).holds, "the search saw it fail from a seed of its own"


def proven(script, epochs=9, alter=lambda job, outcome: outcome, options=None):
    """The proof of scale-inputs after its search, on an engine whose outcomes may be altered."""

    class Altered(ScriptedEngine):
        def train(self, job):
            return alter(job, super().train(job))

    made, scorer = scheduled(Altered(script(specimen()[0])), options, epochs=epochs)
    made.run(SICK, 1.0)
    return confirmation.prove(made.search, Prescription((("scale-inputs", {"kind": "standard"}),)), scorer)


def test_a_slow_start_that_the_search_cut_short_is_no_failure_of_the_untouched_program():
    """It reaches what the treated one reaches, in the last of its epochs; the search trains it for fewer."""

    def slow_starter(recipe):
        return lambda job, epoch: 0.95 if epoch > 32 or "scale-inputs" in names_of(job, recipe) else 1 / 3

    proof = proven(slow_starter, epochs=40, options=Search(trials=3, timeout=None))
    assert proof.baseline == (0.95,) * 3
    assert proof.seen == 0.95, "trained in full from the search's own start, after a proof that ended alike"
    assert not proof.holds


def test_a_start_from_which_the_untouched_program_fails_for_good_is_found_where_the_proofs_own_all_work():
    def fails_from_one_start(recipe):
        treated = lambda job: "scale-inputs" in names_of(job, recipe)  # noqa: E731
        return lambda job, epoch: 0.95 if treated(job) or job.seed >= 1000 else 1 / 3

    proof = proven(fails_from_one_start, options=Search(trials=3, timeout=None))
    assert proof.baseline == (0.95,) * 3
    assert proof.seen == pytest.approx(1 / 3)
    assert proof.holds
    assert not proof.better


def test_an_untouched_training_whose_process_died_proves_nothing():
    def died(job, outcome):
        return (
            Outcome(error="The process that trained it died 2 times") if job.key.startswith("untouched-") else outcome
        )

    proof = proven(cured_by("scale-inputs"), alter=died)
    assert proof.baseline == ()
    assert not proof.holds


def test_a_training_that_time_ended_inside_its_last_epoch_counts_for_no_proof():
    def cut(job, outcome):
        return replace(outcome, cut=job.key.startswith("untouched-"))

    assert proven(cured_by("scale-inputs"), alter=cut).baseline == ()


def test_two_seeds_are_no_proof():
    assert not Proof((0.3, 0.3), (0.9, 0.9), seeds=(1, 2)).holds


def test_a_recipe_that_cannot_be_trained_fails_its_trial_and_not_the_search():
    def broken(recipe):
        def script(job, epoch):
            if "learning-rate" in names_of(job, recipe):
                raise RuntimeError("out of memory")
            return 0.5

        return script

    made, _, _ = run(broken)
    failed = [a for a in made.ledger if a.outcome.error]
    assert failed
    assert all("out of memory" in a.outcome.error for a in failed)
    assert made.ledger.best() is not None
    assert {t.state.name for t in made.study.optuna.trials} == {"COMPLETE", "FAIL"}


def test_ctrl_c_keeps_the_best_so_far():
    def script(job, epoch):
        if len(engine.jobs) == 4:
            raise KeyboardInterrupt
        return 0.3 + 0.1 * len(engine.jobs)

    engine = ScriptedEngine(script)
    made, _ = scheduled(engine)
    assert not made.run(SICK, 1.0)
    assert made.ledger.best().number == 1


def test_a_stored_study_keeps_its_trials(tmp_path):
    options = Search(trials=6, timeout=None, storage=f"sqlite:///{tmp_path / 'study.db'}")
    run(cured_by("scale-inputs"), options=options)
    import optuna

    studies = optuna.get_all_study_names(options.storage)
    assert len(optuna.load_study(study_name=studies[0], storage=options.storage).trials) >= 6
    assert len(studies) == 1


def test_an_opaque_architecture_gets_no_remedy_that_needs_surgery():
    from dataclasses import replace

    recipe, data = specimen()
    closed = recipe.replace(architecture=replace(recipe.architecture, opaque="Own is a subclassed model"))
    names = {n for p in candidates(SICK, registry.remedies(), closed, data) for n in p.names}
    assert names == {"learning-rate", "class-weights", "oversampling"}


def test_an_excluded_pair_is_refused_by_name():
    recipe, data = specimen()
    both = Prescription((("class-weights", {"kind": "balanced"}), ("oversampling", {"kind": "random"})))
    with pytest.raises(NotApplicable, match="no sense beside"):
        both.apply(recipe, data, registry.remedies())


def test_the_patches_of_many_remedies_work_together():
    recipe, data = specimen()
    many = ("class-weights", "scale-inputs", "less-dropout", "batchnorm-momentum", "swap-activation", "initializer")
    known = {r.name: r for r in registry.remedies()}
    doses = {"scale-inputs": {"kind": "per-sample"}, "less-dropout": {"rate": 0.0}}
    every = Prescription(tuple((name, doses.get(name, known[name].usual)) for name in many))
    check_patches(every, recipe, data, registry.remedies())


def test_a_patch_of_all_remedies_is_python_and_ends_in_the_compile_line():
    recipe, data = specimen()
    every = max(candidates(SICK, registry.remedies(), recipe, data), key=len)
    text = patch(every, recipe, data, registry.remedies())
    compile(text, "patch", "exec")
    assert text.splitlines()[-1] == (
        "model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.001), "
        "loss='categorical_crossentropy', metrics=['accuracy'])"
    )


def test_after_a_best_that_did_not_hold_the_search_goes_on_and_leaves_time_for_one_more_proof():
    def script(job, epoch):
        return min(0.8, 0.3 + 0.05 * epoch + 0.1 * len(names_of(job, recipe)))

    recipe = specimen()[0]
    engine = ScriptedEngine(script, seconds_per_epoch=0.2)
    made, _ = scheduled(engine, Search(timeout=100.0))
    made.run(SICK, 0.2)
    tried, best = len(made.ledger), made.ledger.best().prescription
    made.ledger.set_aside.append(best)
    engine.now = 60.0
    made.again()
    assert made.ledger.best().prescription != best
    assert len(made.ledger) > tried
    assert engine.now <= 95.0
    assert made.search.budget.left() >= made.search.pace.proof_seconds(made.ledger.best())


def test_a_search_none_of_whose_attempts_held_goes_on():
    recipe = specimen()[0]
    engine = ScriptedEngine(lambda job, epoch: 0.95 if names_of(job, recipe) else 1 / 3, seconds_per_epoch=0.2)
    made, _ = scheduled(engine, Search(timeout=100.0))
    made.run(SICK, 0.2)
    made.ledger.set_aside += [a.prescription for a in made.ledger if len(a.prescription)]
    assert made.ledger.best() is None
    made.again()
    assert made.ledger.best() is not None


def test_a_search_does_not_go_on_without_limits_of_time():
    made, _, engine = run(lambda recipe: lambda job, epoch: 0.5 + 0.01 * epoch)
    jobs = len(engine.jobs)
    made.again()
    assert len(engine.jobs) == jobs


def test_a_leader_that_was_only_lucky_loses_its_place_to_one_that_does_as_well_from_every_seed():
    def script(job, epoch):
        lucky = "learning-rate" in names_of(job, recipe)
        return (0.9 if job.seed == 0 else 0.4) if lucky else 0.7 if names_of(job, recipe) else 1 / 3

    recipe = specimen()[0]
    made, _ = scheduled(ScriptedEngine(script))
    made.run(SICK, 1.0)
    best = made.ledger.best()
    assert "learning-rate" not in best.prescription.names
    assert [outcome.score for outcome in best.others] == [0.7, 0.7]
    fallen = [a for a in made.ledger if a.others and "learning-rate" in a.prescription.names]
    assert fallen
    assert all(a.score == pytest.approx((0.9 + 0.4 + 0.4) / 3) for a in fallen)


def test_a_leader_is_not_trained_from_other_seeds_where_that_costs_too_much():
    engine = ScriptedEngine(lambda job, epoch: 0.4 + 0.1 * len(names_of(job, recipe)), seconds_per_epoch=3.0)
    recipe = specimen()[0]
    made, _ = scheduled(engine, Search(timeout=300.0))
    made.run(SICK, 3.0)
    assert {job.seed for job in engine.jobs} == {0}


def test_what_fails_from_other_seeds_without_a_remedy_keeps_that_remedy():
    def script(job, epoch):
        found = names_of(job, recipe)
        steady = {"scale-inputs", "less-dropout"} <= found
        return 0.9 if steady or (job.seed == 0 and found) else 0.3

    recipe = specimen()[0]
    made, _ = scheduled(ScriptedEngine(script))
    made.run(SICK, 1.0)
    several = next(a for a in made.ledger if {"scale-inputs", "less-dropout"} <= set(a.prescription.names))
    unsure = replace(several, others=(Outcome((0.9,) * 9), Outcome((0.5,) * 9)))
    made.ledger.write(unsure)
    assert set(reduce(made.search, unsure).prescription.names) == {"scale-inputs", "less-dropout"}


def test_a_remedy_whose_worth_shows_late_is_not_dropped_early():
    def script(job, epoch):
        late = "learning-rate" in names_of(job, recipe)
        return min(0.5, 0.3 + 0.02 * epoch) + (0.4 if late and epoch >= 24 else 0.0)

    recipe = specimen()[0]
    engine = ScriptedEngine(script, seconds_per_epoch=0.05)
    made, _ = scheduled(engine, Search(timeout=100.0), epochs=30)
    made.run(SICK, 0.05)
    best = next(a for a in made.ledger if {"learning-rate"} < set(a.prescription.names) and a.score > 0.8)
    engine.now = 77.0  # Little time is left for dropping remedies.
    assert "learning-rate" in reduce(made.search, best).prescription.names


def test_the_best_is_tried_without_each_remedy_that_is_not_certain():
    recipe, data = specimen()
    items = tuple((name, {}) for name in ("fix-head", "class-weights", "scale-inputs"))
    best = Attempt(1, Prescription(items), recipe, Outcome((0.8,)))
    engine = ScriptedEngine(lambda job, epoch: 0.5)
    more = new(improvements(lambda: best, [], [], engine, data, 0, certain=("fix-head",)))
    assert [p.names for p in more] == [("fix-head", "class-weights"), ("fix-head", "scale-inputs")]


def test_more_epochs_than_time_allowed_before_are_not_tried_again():
    unfinished = Diagnosis("OPT415", "too-few-steps", "warning", "few", remedies=("train-longer",))
    engine = ScriptedEngine(lambda job, epoch: 0.4 + 0.001 * epoch, seconds_per_epoch=0.2)
    made, _ = scheduled(engine, Search(timeout=100.0))
    made.run((unfinished, *SICK), 0.2)
    cut = [a.prescription.without("train-longer").key for a in made.ledger if a.cut]
    assert cut
    assert len(cut) == len(set(cut))


def test_a_proven_score_far_below_a_shallow_model_leaves_something_to_gain():
    yardstick = StoppingRule(Shallow(0, 0.95, 0.01, 1 / 3, "a forest"), error=0.02)
    assert yardstick.far_behind(0.6)
    assert not yardstick.far_behind(0.85)
    assert not StoppingRule(Shallow(0, 0.4, 0.01, 1 / 3, "a forest")).far_behind(0.36)
    assert not StoppingRule().far_behind(0.5)


def test_a_first_excellent_result_goes_to_its_proof_without_further_seeds():
    recipe = specimen()[0]
    engine = ScriptedEngine(lambda job, epoch: 0.99 if names_of(job, recipe) else 1 / 3)
    made, _ = scheduled(engine)
    made.run(SICK, 1.0)
    assert {job.seed for job in engine.jobs} == {0}


def _fix(proof, **changes):
    told = {
        "model": None,
        "run_id": None,
        "prescription": Prescription((("optimizer", {}),)),
        "changes": (),
        "patch": "",
    }
    told |= {"score": 0.8, "baseline_score": 0.5, "confirmed": True, "proof": proof}
    return Fix(**{**told, **changes})


PROVEN = Proof((0.5, 0.5, 0.5), (0.8, 0.8, 0.8), margin=0.1, constant=1 / 3, seeds=(1, 2, 3))


def test_the_best_of_several_proven_fixes_is_said_to_be_one():
    data = specimen()[1].for_search(0)
    assert "did best of" not in conclusions.fixed(_fix(PROVEN), "balanced_accuracy", data)
    rival = _fix(replace(PROVEN, rivals=2))
    assert "did best of 2 that held" in conclusions.fixed(rival, "balanced_accuracy", data)


def test_what_got_worse_is_said_first_and_the_models_own_score_beside_the_proofs_median():
    data = specimen()[1].for_search(0)
    text = conclusions.fixed(_fix(PROVEN, score=0.77, setbacks=("class 0 is found in 23%",)), "balanced_accuracy", data)
    assert text.startswith("Mind first: class 0 is found in 23%. Fixed by")
    assert "0.500 -> 0.770 (the model handed over" in text
    assert "median of 3 fresh seeds 0.800" in text


def test_a_lead_on_fewer_seeds_than_a_proof_takes_is_called_not_confirmed():
    few = Proof((0.4,), (0.9,), margin=0.1, constant=1 / 3, seeds=(1,))
    assert few.promising
    assert not few.holds
    assert not replace(few, treated=(0.5,)).promising
    text = conclusions.fixed(_fix(few, confirmed=False), "balanced_accuracy", specimen()[1].for_search(0))
    assert text.startswith("Not confirmed: ")
    assert "time paid for 1" in text


def test_a_proven_fix_that_could_not_be_trained_in_full_is_not_called_unproven():
    tried = Attempt(1, Prescription((("optimizer", {"kind": "Adam"}),)), None, Outcome((0.8,)))
    told = conclusions.Tried((tried,), "balanced_accuracy", 3.0, "nothing left to try")
    text = conclusions.no_fix(told, {str(tried.prescription): PROVEN})
    assert "trained in full it twice fell short" in text
    assert "a fix needs" not in text


def test_rows_too_few_to_show_any_fix_are_said_to_be_so():
    tried = Attempt(1, Prescription((("optimizer", {"kind": "Adam"}),)), None, Outcome((0.8,)))
    told = conclusions.Tried((tried,), "balanced_accuracy", 3.0, "nothing left to try")
    few = Proof((0.57,) * 3, (0.7,) * 3, margin=0.464, constant=1 / 3, seeds=(1, 2, 3))
    its = str(tried.prescription)
    assert "which no answers can reach on so few rows" in conclusions.no_fix(told, {its: few})
    enough = replace(few, margin=0.4)
    assert "a fix needs 0.400 more)" in conclusions.no_fix(told, {its: enough})
    other = conclusions.no_fix(told, {"clip-gradients(norm=1)": enough})
    assert "; clip-gradients(norm=1) was put to the proof and had 0.700 against 0.570 untouched" in other


def test_what_ctrl_c_left_untrained_is_told_without_a_comparison_that_was_never_made():
    alone = Proof((), (0.9,), constant=1 / 3, seeds=(1,))
    assert "Not confirmed: x: r2 0.900 (1 fresh seed)" in conclusions.untrained("x", alone, "r2")
    assert "What was proven is x: r2 0.500 -> 0.800 (median of 3" in conclusions.untrained("x", PROVEN, "r2")


def test_where_the_untouched_copy_learns_the_conclusion_points_at_what_changes_while_the_user_trains():
    untouched = Attempt(0, Prescription(), None, Outcome((0.95,)))
    tried = Attempt(1, Prescription((("optimizer", {"kind": "Adam"}),)), None, Outcome((0.94,)))
    known = Shallow(2, 0.96, 0.01, 0.1, "a forest of trees")
    told = conclusions.Tried((untouched, tried), "balanced_accuracy", 3.0, "nothing left to try", known)
    assert "look at what changes while you train" in conclusions.no_fix(told)
    stuck = Attempt(0, Prescription(), None, Outcome((0.1,)))
    assert "what changes" not in conclusions.no_fix(replace(told, attempts=(stuck, tried)))


def test_rows_that_are_trained_on_ask_for_a_fix_that_learns_them_and_never_for_more():
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
    few = Dataset(Rows(X, np.array([0.0, 1.0, 1.0, 0.0])), None, "binary").for_search(0)
    margin = confirmation._margin(few, ((1.0,) * 3, (0.5,) * 3, ()), 7, 0.5, None)
    assert 0.25 < margin < 0.5


def test_an_attempt_that_was_better_after_fewer_epochs_is_not_beaten_by_a_longer_one():
    made, _ = scheduled(ScriptedEngine(lambda job, epoch: 0.5))
    weak, strong = (Prescription(((name, {}),)) for name in ("a", "b"))
    for attempt in (
        Attempt(1, weak, made.search.recipe, Outcome((0.2, 0.25, 0.26, 0.26))),
        Attempt(2, strong, made.search.recipe, Outcome((0.5, 0.6))),
        Attempt(3, Prescription((("c", {}),)), made.search.recipe, Outcome((0.26, 0.262))),
    ):
        made.ledger.write(attempt)
    assert made.ledger.best().prescription == strong


def test_of_a_run_that_broke_after_a_good_start_the_untouched_recipe_is_trained_until_it_breaks():
    engine = ScriptedEngine(lambda job, epoch: 0.9 if epoch < 20 else 0.3, seconds_per_epoch=1.0)
    made, _ = scheduled(engine, Search(timeout=100.0), epochs=30)
    made.run(SICK, 1.0, broke_in=20)
    assert made.ledger.baseline.score == pytest.approx(0.3)


def test_the_epoch_in_which_a_run_broke_is_the_first_that_lies_far_below_its_best():
    from remedy.evidence.evidence import Evidence
    from remedy.repair.repair import _broke_in

    assert _broke_in(Evidence(probe_score=(0.5, 0.9, 0.85, 0.2, 0.1))) == 4
    assert _broke_in(Evidence(probe_score=(0.5, 0.9, 0.88))) == 0
    assert _broke_in(Evidence(probe_score=(0.9, float("nan")))) == 2
    assert _broke_in(Evidence(probe_score=(0.5, 0.9, 0.85, 0.2, 0.1)), 1.4) == 6
    assert _broke_in(Evidence()) == 0
