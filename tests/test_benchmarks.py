"""The arithmetic of the benchmarks; what they measure is measured by running them."""

import ast
import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
CORPUS = os.environ.get("REMEDY_CORPUS")


def _load(name, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def time_to_fix(monkeypatch):
    return _load("time_to_fix", monkeypatch)


@pytest.fixture
def time_to_score(monkeypatch):
    return _load("time_to_score", monkeypatch)


def _row(case, tool, seconds, score=0.9):
    given = {"seed": 0, "budget": 100.0, "search": 60.0, "tolerance": 0.01, "cores": 2, "mark": 0.8}
    return {"case": case, "tool": tool, "seconds": seconds, "score": score, **given}


ROWS = [
    _row("a", "remedy", 20.0),
    _row("a", "random-search", 80.0),
    _row("a", "keras-tuner", None, 0.5),
    _row("b", "remedy", 50.0),
    _row("b", "random-search", None, 0.5),
    _row("b", "keras-tuner", None, None),
    _row("c", "remedy", None, 0.5),
    _row("c", "random-search", 10.0),
]


def test_a_ratio_is_by_the_faster_tool_and_a_censored_one_makes_it_a_bound(time_to_fix):
    found = time_to_fix.summary(ROWS)
    assert {name: (p["ratio"], p["bound"]) for name, p in found["cases"].items()} == {
        "a": (0.25, "exact"),
        "b": (0.5, "at most"),
        "c": (10.0, "at least"),
    }
    assert found["median_ratio"] == 0.5
    assert (found["faster"], found["programs"]) == (2, 3)


def test_a_program_that_only_one_side_was_run_on_has_no_ratio(time_to_fix):
    found = time_to_fix.summary([_row("a", "remedy", 20.0), _row("b", "random-search", 20.0)])
    assert (found["cases"], found["median_ratio"]) == ({}, None)


def test_where_nobody_gets_there_the_ratio_is_not_known(time_to_fix):
    found = time_to_fix.summary([_row("a", "remedy", None), _row("a", "random-search", None)])
    assert (found["cases"]["a"]["bound"], found["faster"]) == ("unknown", 0)
    page = time_to_fix.markdown(found, {"tolerance": 0.01, "cores": 2}, "python")
    assert "| a | no fix | > 100 | > 100 | not known |" in page


def test_earlier_outputs_are_put_together_into_one_object_and_one_page(time_to_fix, tmp_path, monkeypatch, capsys):
    first, second, page = tmp_path / "first.jsonl", tmp_path / "second.jsonl", tmp_path / "page.md"
    failed = {"case": "b", "tool": "keras-tuner", "error": "killed"}
    first.write_text("".join(json.dumps(row) + "\n" for row in [*ROWS[:4], failed]))
    second.write_text("".join(json.dumps(row) + "\n" for row in ROWS[4:]))
    command = ["time_to_fix.py", "--read", str(first), str(second), "--markdown", str(page), "--json"]
    monkeypatch.setattr(sys, "argv", command)
    time_to_fix.main()
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert told["median_ratio"] == 0.5
    assert {program["budget"] for program in told["cases"].values()} == {100.0}
    assert "| b | **0.90** | 50 | > 100 | > 100 | < 0.50 |" in page.read_text()
    assert "| c | no fix | > 100 | 10 | not run | > 10.00 |" in page.read_text()


def test_outputs_of_different_budgets_are_not_mixed(time_to_fix, tmp_path, monkeypatch):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in [ROWS[0], {**ROWS[1], "budget": 50.0}]))
    monkeypatch.setattr(sys, "argv", ["time_to_fix.py", "--read", str(file)])
    with pytest.raises(SystemExit, match="another budget"):
        time_to_fix.main()


class _Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


class _Model:
    def __init__(self, clock, test):
        self.clock, self.test = clock, test

    def predict(self, X, verbose):
        self.clock.now += 5.0
        return self.test


class _Data:
    X_test = y_test = np.zeros(1)


class _Case:
    task = "binary"


@pytest.fixture
def judge(time_to_fix, monkeypatch):
    """A judge of trials that take ten seconds each; looking at the test rows takes five."""
    clock = _Clock()
    monkeypatch.setattr(time_to_fix, "time", clock)

    def made(results, target, budget=100.0):
        trials = iter(results)

        def fit(*_):
            clock.now += 10.0
            value, test = next(trials)
            return value, _Model(clock, test)

        return time_to_fix.Judge(fit, lambda task, y, output: output, target, budget)

    return made


def test_a_tool_is_judged_by_the_model_it_would_hand_back_and_by_its_own_seconds(time_to_fix, judge):
    watched = judge([(0.6, 0.5), (0.4, 0.99), (0.7, 0.8)], target=0.75)
    watched(_Case, _Data)
    watched(_Case, _Data)  # Better on the test rows, but worse on the tool's own.
    with pytest.raises(time_to_fix.Over):
        watched(_Case, _Data)
    assert watched.curve == [(10.0, 0.5), (30.0, 0.8)]
    assert watched.reached == 30.0


def test_what_a_tool_reaches_after_its_budget_does_not_count(time_to_fix, judge):
    watched = judge([(0.6, 0.5), (0.7, 0.8)], target=0.75, budget=15.0)
    watched(_Case, _Data)
    watched(_Case, _Data)
    with pytest.raises(time_to_fix.Over):
        watched(_Case, _Data)
    assert watched.reached is None


@pytest.mark.corpus
@pytest.mark.skipif(not CORPUS, reason="REMEDY_CORPUS does not name the folder of the collection")
def test_ten_programs_or_fewer_are_chosen_by_their_place_in_the_alphabet(time_to_fix):
    names = list(time_to_fix.chosen(Path(CORPUS), []))
    assert names == sorted(names)
    assert 5 <= len(names) <= 10


def _side(*curve):
    return {"curve": list(curve), "seconds": 100.0, "best": curve[-1][1] if curve else None, "constant": 1 / 3}


def test_the_target_is_the_lower_best_score_and_the_ratio_is_of_the_seconds_to_it(time_to_score):
    found = time_to_score.compared({"remedy": _side((5.0, 0.4), (20.0, 0.8)), "plain": _side((30.0, 0.5), (90.0, 0.7))})
    assert (found["target"], found["times_faster"]) == (0.7, 4.5)
    assert found["seconds_to_target"] == {"remedy": 20.0, "plain": 90.0}


def test_who_never_gets_to_the_higher_score_has_no_seconds_to_it(time_to_score):
    found = time_to_score.compared({"remedy": _side((20.0, 0.8)), "plain": _side((30.0, 0.5), (90.0, 0.7))})
    assert found["to_the_higher"] == {"target": 0.8, "seconds": {"remedy": 20.0, "plain": None}}


@pytest.mark.parametrize("plain", [_side(), _side((30.0, 0.334))], ids=["no trial ended", "a constant answer"])
def test_nothing_is_compared_where_one_side_has_learnt_nothing(time_to_score, plain):
    assert time_to_score.compared({"remedy": _side((20.0, 0.8)), "plain": plain})["times_faster"] is None


def test_the_page_has_a_row_for_every_seed_also_where_nothing_was_learnt(time_to_score, monkeypatch):
    speed = _load("speed", monkeypatch)
    learnt = {"remedy": _side((20.0, 0.8)), "plain": _side((30.0, 0.5), (90.0, 0.7))}
    nothing = {"remedy": _side((20.0, 0.8)), "plain": _side()}
    rounds = [{"seed": i, **time_to_score.compared(sides), **sides} for i, sides in enumerate((learnt, nothing))]
    parameters = {"timeout": 100.0, "seeds": [0, 1]}
    page = speed.part({"times_faster": 4.5, "rounds": rounds, "parameters": parameters, "cores": 2})
    assert "| 0 | 0.700 | 20 | 90 | 4.5 | 0.800 | 20 | > 100 |" in page
    assert "| 1 | one side has learnt nothing |" in page


def test_the_page_says_what_every_search_took_of_its_budget(monkeypatch):
    row = {"seconds": 37.0, "of_budget": 0.616, "fix": False}
    page = _load("speed", monkeypatch).part({"timeout": 60.0, "workers": 1, "mlp": row, "ecg": row})
    assert page.endswith("searches took 37.0 s (mlp), 37.0 s (ecg).\n")


def test_the_page_names_the_command_of_every_table_and_has_none_where_no_network_was_trained(monkeypatch):
    speed, given = _load("speed", monkeypatch), {"trials": 12, "rounds": 2}
    mlp = {"seconds_a_trial": {"remedy": 0.04, "optuna": 0.8}, "vs_optuna": 20.0, "vs_keras_tuner": None}
    page = speed.part({"parameters": {**given, "only": ["mlp"]}, "mlp": mlp})
    assert "throughput.py --trials 12 --rounds 2 --only mlp --json`" in page
    assert "| mlp | 0.040 | 0.800 | - | 20.0 / None |" in page
    processes = {"vs_inline": 1.3, "search": {"vs_inline": 1.6}}
    page = speed.part({"parameters": {**given, "only": ["processes"]}, "processes": processes})
    assert "| network |" not in page
    assert "1.3 times" in page


def test_the_page_says_what_large_data_takes(monkeypatch):
    rows = {"rows": 10**6, "columns": 100, "memmap": True, "data_bytes": 2**30, "growth_in_data": 0.5}
    ended = {"growth_beyond_few_rows_in_data": 0.1, "seconds": 50.0, "stuck": True, "fixed": True}
    page = _load("speed", monkeypatch).part({"all_rows": {**rows, **ended, "accuracy_of_the_fix": 0.996}})
    assert "large.py --rows 1000000 --columns 100 --memmap --json`" in page
    assert "0.50 times as much, 0.10 beyond" in page
    assert "fixed, 0.996 of the last rows right" in page


def test_a_long_run_is_written_and_examined(store, monkeypatch):
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    large_run = _load("large_run", monkeypatch)
    found = large_run.measured(large_run.written(60), 1)
    assert (found["points"], found["metrics"], found["diagnoses"]) == (1200, 20, [])
    assert 0 < found["diagnose_seconds"] <= found["slowest_seconds"]


@pytest.mark.parametrize("file", sorted(BENCHMARKS.glob("*.py")), ids=lambda file: file.stem)
def test_what_a_benchmark_imports_from_remedy_is_there(file):
    """Also what it imports late, inside of functions, and would miss only after minutes."""
    wanted = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    for node in wanted:
        if node.module and node.module.startswith("remedy"):
            module = importlib.import_module(node.module)
            for name in (alias.name for alias in node.names):
                assert hasattr(module, name) or importlib.import_module(f"{node.module}.{name}"), name


def test_what_only_real_data_shows_is_not_asked_of_generated_data(monkeypatch):
    stories = _load("stories", monkeypatch)
    run = {"seed": 0, "diagnoses": ["majority-collapse"], "stuck": True, "stuck_epoch": 4, "seconds": 75.0}
    told = [{**run, "balanced_accuracy_after": 0.66}]
    assert stories.faults("R0, patients apart", told, real=False) == []
    assert stories.faults("R0, patients apart", told, real=True) == [
        "R0, patients apart, seed 0: group-leak was not said"
    ]
