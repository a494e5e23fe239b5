"""What a user sees in MLflow's UI, in a real browser on a real server."""

import mlflow
import pytest

import remedy

from .browser import open_run
from .conftest import sick_program

pytestmark = pytest.mark.browser


@pytest.fixture
def stuck(store, sqlite_server):
    """A stuck run on a server, as `MlflowClient.get_run` gives it."""
    mlflow.set_tracking_uri(sqlite_server.uri)
    fit = {"epochs": 6, "verbose": 0, "search": False}
    result = remedy.fit(*sick_program(), experiment="seen", run_name="a program that is stuck", **fit)
    return mlflow.MlflowClient().get_run(result.run_id)


def test_a_stuck_run_is_found_in_the_table_and_its_page_opens_with_the_verdict(page, sqlite_server, stuck, tmp_path):
    open_run(page, sqlite_server, stuck)
    page.get_by_text("Stuck since epoch 4").first.wait_for()
    picture = tmp_path / "run.png"
    page.screenshot(path=picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
