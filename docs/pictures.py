"""Copy the picture of the newest fixed run of the ECG example into docs/pictures, for the README.

Run `make demo` or `python examples/ecg.py --data FILE` first, from the same folder.
"""

import shutil
import sys
from pathlib import Path

import mlflow

from remedy.tracking import use_default_store


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


if __name__ == "__main__":
    main()
