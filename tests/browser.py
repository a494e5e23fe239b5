"""A real browser for the tests, and MLflow's UI as a user clicks through it.

Debian's Chromium, driven by Playwright; no browser is downloaded. Every step waits for what it needs to see.
"""

from __future__ import annotations

import os
import re
import shutil
from typing import Any

import pytest

WAIT = 60_000
"""Milliseconds until something has to be seen; the first page of MLflow's UI is large."""


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window; of a module, because Playwright's event loop runs as long as it lives."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    # As root, as in a container, Chromium starts only without its sandbox.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, headless=True, args=options)
        yield started
        started.close()


NO_ASSISTANT = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', true)"
"""Keeps MLflow's assistant closed, which takes a quarter of the first page that a browser sees."""


@pytest.fixture
def page(browser):
    """A fresh tab: nothing is remembered from other tests, and nothing is fetched from outside this machine."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(WAIT)
    context.route(re.compile(r"^https?://(?!127\.0\.0\.1[:/])"), lambda route: route.abort())
    context.add_init_script(NO_ASSISTANT)
    yield context.new_page()
    context.close()


def open_runs(page: Any, server: Any, experiment_id: str) -> None:
    """Go to the table of an experiment's runs, and wait for its rows.

    The address is written in full: a fresh browser opens a page of traces otherwise.
    """
    page.goto(f"{server.uri}/#/experiments/{experiment_id}/runs?workflowType=machine_learning")
    page.get_by_role("grid").first.wait_for()


def open_run(page: Any, server: Any, run: Any) -> None:
    """Go to the runs of an experiment, click on one (as `MlflowClient.get_run` gives it), and wait for its page."""
    open_runs(page, server, run.info.experiment_id)
    page.get_by_role("link", name=run.info.run_name, exact=True).first.click()
    at_run(page, run)


def at_run(page: Any, run: Any) -> None:
    """Wait until the page of a run is shown."""
    page.wait_for_url(re.compile(f"/runs/{run.info.run_id}"))
    page.get_by_role("heading", name=run.info.run_name).first.wait_for()
