"""What a project sets in its pyproject.toml, and what it may not set."""

import numpy as np
import pytest

import remedy
from remedy import registry
from remedy.detectors.dead_units import DeadUnits
from remedy.errors import InvalidInput, NotFound
from remedy.settings import Settings, read_settings

from .conftest import blobs, dense

IGNORES = '[tool.remedy]\nignore = ["DAT102", "class-imbalance"]\n'
STRICTER = "[tool.remedy.thresholds]\nclass-imbalance = {share = 0.4}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Writes a pyproject.toml two folders above the working folder."""
    inner = tmp_path / "experiments" / "first"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)

    def write(text, folder=tmp_path):
        (folder / "pyproject.toml").write_text(text, encoding="utf-8")
        return inner

    return write


def _wild():
    """A program with unscaled inputs and unbalanced classes."""
    return dense(), *blobs(rows=300, shift=900.0, shares=[0.9, 0.06, 0.04])


def _found(*args, **options):
    return {d.name for d in remedy.diagnose(*args, **options).diagnoses}


def test_without_a_file_there_are_defaults(tmp_path):
    assert read_settings(tmp_path / "nowhere") == Settings()
    assert Settings().source == "the defaults"


def test_a_file_without_a_table_of_ours_sets_nothing(project):
    inner = project('[project]\nname = "other"\n[tool.ruff]\nline-length = 99\n')
    found = read_settings(inner)
    assert (found.ignore, found.thresholds) == ((), {})


def test_the_nearest_file_upwards_is_read(project, tmp_path):
    inner = project(IGNORES)
    assert read_settings(inner).ignore == ("DAT102", "class-imbalance")
    assert read_settings(inner).source == str(tmp_path / "pyproject.toml")
    assert read_settings() == read_settings(inner)
    project(STRICTER, inner.parent)
    nearest = read_settings(inner)
    assert nearest.ignore == ()
    assert nearest.thresholds == {"class-imbalance": {"share": 0.4}}


def test_a_folder_of_that_name_is_no_file(project):
    inner = project(IGNORES)
    (inner / "pyproject.toml").mkdir()
    assert read_settings(inner).ignore == ("DAT102", "class-imbalance")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tool.remedy\nignore = 3", "cannot be read"),
        ('[tool.remedy]\nignor = ["DAT102"]', "holds ignor; it may hold ignore"),
        ('[tool.remedy]\nignore = "DAT102"', "must be a list"),
        ("[tool.remedy]\nignore = [102]", "must be a list"),
        ("[tool.remedy]\nthresholds = 3", "must read like"),
        ("[tool.remedy.thresholds]\ndead-units = 0.6", "must read like"),
        ('[tool.remedy.thresholds]\ndead-units = {fraction = "most"}', "dead-units.fraction = 'most'"),
        ("[tool.remedy.thresholds]\ndead-units = {fraction = true}", "is no number"),
        ("[tool]\nremedy = 3", "must be a table"),
    ],
)
def test_what_cannot_be_meant_is_said_with_the_file(project, tmp_path, text, says):
    inner = project(text)
    with pytest.raises(InvalidInput, match=says) as error:
        read_settings(inner)
    assert str(tmp_path / "pyproject.toml") in str(error.value)


def test_a_file_that_is_no_text_is_said(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_settings(tmp_path)


def test_a_strange_table_of_tools_is_not_ours_to_judge(tmp_path):
    (tmp_path / "pyproject.toml").write_text("tool = 3")
    assert read_settings(tmp_path).ignore == ()


def test_a_project_ignores_detectors_by_code_and_by_name(project):
    before = _found(*_wild())
    project(IGNORES)
    assert {"unscaled-input", "class-imbalance"} <= before
    assert _found(*_wild()) == before - {"unscaled-input", "class-imbalance"}


def test_what_a_call_ignores_comes_on_top(project):
    project('[tool.remedy]\nignore = ["DAT102"]')
    assert not {"unscaled-input", "class-imbalance"} & _found(*_wild(), ignore=["class-imbalance"])
    examination = remedy.diagnose(*_wild(), ignore=["class-imbalance"])
    every = {*examination.passed, *examination.not_applicable, *examination.not_recorded}
    assert not {"unscaled-input", "class-imbalance"} & every


def test_a_project_moves_thresholds(project):
    program = dense(), *blobs(rows=300)
    assert _found(*program) == set()
    (own,) = (d for d in registry.detectors(["unscaled-input"]))
    name = next(iter(own.thresholds()))
    smallest = f"[tool.remedy.thresholds]\nDAT102 = {{{name} = 1e-9}}\n"
    project(smallest)
    assert _found(*program) == {"unscaled-input"}
    assert getattr(registry.detectors(["DAT102"], thresholds=read_settings().thresholds)[0], name) == 1e-9


def test_an_instance_keeps_the_thresholds_it_was_made_with():
    chosen = registry.detectors([DeadUnits(fraction=0.5)], thresholds={"dead-units": {"fraction": 0.9}})
    assert [d.fraction for d in chosen] == [0.5]
    for named in ("dead-units", "OPT411", DeadUnits):
        assert registry.detectors([named], thresholds={"OPT411": {"fraction": 0.9}})[0].fraction == 0.9


def test_an_ellipsis_stands_for_all_other_detectors():
    every = [d.code for d in registry.detectors()]
    chosen = registry.detectors([..., DeadUnits(fraction=0.6)], thresholds={"saturated-units": {"fraction": 0.7}})
    assert sorted(d.code for d in chosen) == sorted(every)
    fractions = {d.name: d.fraction for d in chosen if d.name in ("dead-units", "saturated-units")}
    assert fractions == {"dead-units": 0.6, "saturated-units": 0.7}
    assert sorted(d.code for d in registry.detectors([...])) == sorted(every)


def test_an_ellipsis_leaves_out_what_is_ignored():
    every = {d.name for d in registry.detectors()}
    chosen = registry.detectors([..., DeadUnits(fraction=0.6)], ignore=["DAT102", "dead-units"])
    assert {d.name for d in chosen} == every - {"unscaled-input", "dead-units"}


def test_diagnose_takes_an_ellipsis():
    model, X, y = _wild()
    own = type(registry.detectors(["class-imbalance"])[0])
    assert "class-imbalance" in {d.name for d in remedy.diagnose(model, X, y, detectors=[..., own()]).diagnoses}
    assert len(remedy.diagnose(model, X, y, detectors=[...]).passed) > 5


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ('[tool.remedy]\nignore = ["DAT999"]', NotFound, "DAT999"),
        ("[tool.remedy.thresholds]\nno-such = {share = 1}", NotFound, "no-such"),
        ("[tool.remedy.thresholds]\ndead-units = {friction = 0.6}", InvalidInput, "friction"),
        ("[tool.remedy]\nnonsense = 1", InvalidInput, "nonsense"),
        ("[tool.remedy", InvalidInput, "cannot be read"),
    ],
)
def test_mistakes_stop_fit_before_training_and_before_a_run_is_made(folder, text, error, says):
    (folder / "pyproject.toml").write_text(text)
    model, X, y = dense(), *blobs()
    before = [np.array(v) for v in model.weights]
    with pytest.raises(error, match=says) as raised:
        remedy.fit(model, X, y, verbose=0)
    assert str(folder / "pyproject.toml") in str(raised.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.weights, strict=True))
    assert not (folder / "mlruns").exists()
    with pytest.raises(error, match=says):
        remedy.diagnose(model, X, y)


def test_mistakes_in_a_call_stop_it_too():
    model, X, y = dense(), *blobs()
    with pytest.raises(NotFound, match="DAT999"):
        remedy.fit(model, X, y, ignore=["DAT999"], verbose=0)
    with pytest.raises(NotFound, match="no-such"):
        remedy.fit(model, X, y, detectors=[..., "no-such"], verbose=0)
    with pytest.raises(InvalidInput, match="3 is no detector"):
        remedy.fit(model, X, y, detectors=[3], verbose=0)
