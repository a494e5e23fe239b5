"""How many processes a search gets when it is left to remedy."""

import os

import pytest

from remedy.training.engines.choice import MOST, SHARE_MB, WORTH_SECONDS, automatic_workers
from remedy.training.engines.process import cores


@pytest.fixture
def driver(tmp_path, monkeypatch):
    """Put a program in the place of the GPU driver's, which prints what it is told to."""

    def answers(text, status=0):
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return answers


def test_a_short_search_trains_in_one_process():
    assert automatic_workers([], WORTH_SECONDS / 2) == 1
    assert automatic_workers(["0", "1"], WORTH_SECONDS / 2) == 1


def test_without_a_gpu_every_core_gets_a_process():
    assert automatic_workers([], WORTH_SECONDS) == min(MOST, cores())


def test_several_gpus_get_a_process_each():
    assert automatic_workers(["0", "3"], WORTH_SECONDS) == 2


def test_one_gpu_is_shared_by_as_many_as_its_free_memory_holds(driver):
    driver(str(2 * SHARE_MB + 10))
    assert automatic_workers(["0"], WORTH_SECONDS) == min(2, cores())


@pytest.mark.parametrize(("text", "status"), [("300", 0), ("[N/A]", 0), ("", 9)])
def test_a_gpu_that_is_full_or_says_nothing_is_left_to_one_process(driver, text, status):
    driver(text, status)
    assert automatic_workers(["0"], WORTH_SECONDS) == 1
