"""Copy pictures into docs/pictures, for the README.

- The curves of the newest fixed run of the ECG example: run `make demo` or `python examples/ecg.py --data FILE` first.
- Three pages of MLflow's UI, as a browser saw them in tests/test_story.py, and what tests/test_notebook.py saw: run
  `make test` first.
"""

import shutil
import sys
from pathlib import Path

import mlflow

from remedy.tracking.connection import use_default_store

SCREENSHOTS = ("stuck_run", "before_and_after", "grouped_view")
PAGES = ("notebook_800", "report_light", "report_dark")
SEEN = Path(__file__).parents[1] / ".make" / "screenshots"


def main() -> None:
    """Find the newest fix in the experiment "ecg" and copy its picture."""
    use_default_store()
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("ecg")
    runs = (
        client.search_runs([experiment.experiment_id], "tags.`remedy.role` = 'fix'", max_results=1)
        if experiment
        else []
    )
    if not runs:
        sys.exit("There is no fixed run of the ECG example in ./mlruns: run `make demo` first.")
    folder = Path(__file__).parent / "pictures"
    folder.mkdir(exist_ok=True)
    found = client.download_artifacts(runs[0].info.run_id, "before_and_after.png")
    shutil.copy(found, folder / "ecg_before_and_after.png")
    print(folder / "ecg_before_and_after.png")
    for name in SCREENSHOTS:
        if (seen := SEEN / f"{name}.png").exists():
            shutil.copy(seen, folder / f"ui_{name}.png")
            print(folder / f"ui_{name}.png")
    for name in PAGES:
        if (seen := SEEN / f"{name}.png").exists():
            shutil.copy(seen, folder / f"{name}.png")
            print(folder / f"{name}.png")


if __name__ == "__main__":
    main()
