"""What the README and the quickstart show is run; what pages link to exists."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import remedy

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _blocks(page, kind):
    return re.findall(rf"```{kind}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_script_in_the_readme_catches_and_fixes_its_program(store):
    (code,) = _blocks("README.md", "python")
    space: dict = {}
    exec(compile(code, "README.md", "exec"), space)
    result = space["result"]
    assert result.stuck
    assert {"majority-collapse", "unscaled-input", "class-imbalance"} <= {d.name for d in result.diagnoses}
    assert result.fix is not None
    exec(compile(result.fix.patch, "the patch, pasted behind it", "exec"), space)
    answers = space["model"].predict(space["X"], verbose=0).argmax(1)
    assert all((answers == label).any() for label in range(3))


def test_the_patch_in_the_quickstart_runs_behind_its_script_and_finds_all_classes(store):
    script, patch = _blocks("docs/quickstart.md", "python")
    assert script == _blocks("README.md", "python")[0] == (ROOT / "examples/first_script.py").read_text()
    space: dict = {}
    exec(compile(script.split("result = ")[0], "the quickstart's script up to its training", "exec"), space)
    exec(compile(patch, "the quickstart's patch", "exec"), space)
    answers, y = space["model"].predict(space["X"], verbose=0).argmax(1), space["y"]
    assert min((answers[y == label] == label).mean() for label in range(3)) > 0.5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_a_page_links_exists(page):
    for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), link


def test_every_page_stands_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        name = str(page.relative_to(ROOT / "docs"))
        assert name.startswith("stories/") or f": {name}" in menu, name


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


def test_the_catalogue_in_the_docs_is_that_of_the_classes():
    made = subprocess.run(
        [sys.executable, "-m", "remedy", "catalogue", "--markdown"], check=True, capture_output=True, text=True
    )
    assert made.stdout == (ROOT / "docs" / "catalogue.md").read_text()


def test_the_citation_names_the_version_of_the_package():
    assert f"version: {remedy.__version__}\n" in (ROOT / "CITATION.cff").read_text()
