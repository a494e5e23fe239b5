"""What a store holds."""

import mlflow

from remedy.tracking import queries


def test_every_run_of_an_experiment_is_found_however_many_pages_they_fill(store, monkeypatch):
    mlflow.set_tracking_uri(f"sqlite:///{store}/own.db")
    mlflow.set_experiment("many")
    for _ in range(5):
        mlflow.start_run()
        mlflow.end_run()
    monkeypatch.setattr(mlflow.tracking.fluent, "NUM_RUNS_PER_PAGE_PANDAS", 2)
    assert len({run.info.run_id for run in queries.find_runs("many", "")}) == 5
