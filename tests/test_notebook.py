"""The notebook runs as it stands, shows its results, and neither warns nor needs widgets."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent
SEEN = ROOT / ".make" / "screenshots"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The notebook with what its cells showed."""
    notebook = nbformat.read(ROOT / "examples" / "first_steps.ipynb", as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(ROOT))
        patched.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_EXPERIMENT_NAME"):
            patched.delenv(name, raising=False)
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    notebook.metadata["folder"] = str(folder)
    return notebook


def _shown(notebook, source):
    """Return the outputs of the cell with this source."""
    (cell,) = (cell for cell in notebook.cells if cell.source == source)
    return cell.outputs


def _html(outputs):
    return "".join(o["data"]["text/html"] for o in outputs if "text/html" in o.get("data", {}))


def test_result_fix_examination_and_comparison_show_themselves(executed):
    assert "What changed" in _html(_shown(executed, "result"))
    assert "navigator.clipboard" in _html(_shown(executed, "result.fix"))
    assert "could not look" in _html(_shown(executed, "remedy.diagnose(model, X, y)"))
    compared = next(cell for cell in executed.cells if cell.source.startswith("other = "))
    assert "optimizer" in _html(compared.outputs).lower()


def test_no_cell_warns_and_none_asks_for_widgets(executed):
    for cell in executed.cells:
        for output in cell.get("outputs", ()):
            text = output.get("text", "") or str(output.get("data", ""))
            assert output.get("name") != "stderr" or not re.search("Warning|widget", text), text[:500]
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})


def test_the_pasted_patch_finds_most_of_every_class(executed):
    recalls = [float(part) for part in re.findall(r"[\d.]+", executed.cells[-2].outputs[-1]["data"]["text/plain"])]
    assert len(recalls) == 3
    assert min(recalls) > 0.5


@pytest.mark.browser
@pytest.mark.parametrize("width", [800, 1400])
def test_nothing_is_wider_than_the_page(executed, page, tmp_path, width):
    parts = [_html(_shown(executed, source)) for source in ("result", "result.fix", "remedy.diagnose(model, X, y)")]
    file = tmp_path / "shown.html"
    file.write_text(f"<body style='font-family: sans-serif; margin: 16px'>{'<hr>'.join(parts)}</body>")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"file://{file}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("getComputedStyle(document.querySelector('.remedy td')).textAlign") == "left"
    assert "mono" in page.evaluate("getComputedStyle(document.querySelector('.remedy pre')).fontFamily").lower()
    SEEN.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SEEN / f"notebook_{width}.png", full_page=True)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_fits_a_narrow_page_and_is_dark_where_the_reader_is(executed, browser, scheme):
    report = max(Path(executed.metadata["folder"]).rglob("report.html"), key=lambda path: path.stat().st_size)
    with browser.new_context(color_scheme=scheme, viewport={"width": 600, "height": 900}) as context:
        page = context.new_page()
        page.goto(f"file://{report}")
        page.wait_for_selector(".plot .main-svg")
        assert page.evaluate("document.documentElement.scrollWidth") <= 600
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", paper))) < 200) == (scheme == "dark")
        assert len(page.query_selector_all("a[href*='/runs/']")) == 2
        page.set_viewport_size({"width": 1000, "height": 1100})
        page.wait_for_timeout(300)
        SEEN.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SEEN / f"report_{scheme}.png")
