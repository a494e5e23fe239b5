"""The report and what a notebook shows: whole pages, nothing from outside, everything escaped; and where they stand."""

import base64
import gzip
import json
import re
import warnings
from dataclasses import replace
from html.parser import HTMLParser

import mlflow
import pytest
from sklearn.metrics import balanced_accuracy_score

import remedy
from remedy import html
from remedy.diagnosis import Diagnosis, Examination
from remedy.errors import RemedyWarning
from remedy.evidence.confusion import Confusion
from remedy.evidence.evidence import Evidence, Look
from remedy.prescription import Change, Prescription
from remedy.reporting import html_report, pictures, plots
from remedy.results import Fix, ReportCase
from remedy.search.attempts import Attempt, Course
from remedy.search.proof import Proof
from remedy.tracking.run import Run
from remedy.training.engines._base import Outcome

from .conftest import healthy_program, sick_program

EVIL = "<script>alert('$x')</script>"
VOID = {"meta", "img", "br", "link", "input", "hr"}
MEGABYTE = 1 << 20


class Page(HTMLParser):
    """What stands in a page: text, elements with their attributes, and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self._open, self.wrong = [], [], [], []
        self.feed(text)
        self.close()
        self.wrong += self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.texts.append((self._open[-1] if self._open else "", data))

    def all(self, tag):
        """Attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self):
        """The text that people read."""
        return " ".join(" ".join(text.split()) for tag, text in self.texts if tag not in ("script", "style"))

    def plots(self):
        """Every plot by its name, read back."""
        names = [found["data-plot"] for found in self.all("script") if "data-plot" in found]
        found = [json.loads(text) for tag, text in self.texts if tag == "script" and text.startswith('{"data":')]
        return dict(zip(names, found, strict=True))


def outside(found):
    """Every address that a page would ask for by itself; a link waits for a click."""
    asked = [a for tag, a in found.elements if tag != "a"]
    addresses = [a.get(name) for a in asked for name in ("src", "href", "data", "action") if a.get(name)]
    return [address for address in addresses if not address.startswith(("data:", "#"))]


def case(name="run", **changes):
    """A stuck run with a fix, by hand."""
    cause = Diagnosis("GEN403", "majority-collapse", "error", f"One class for everything {EVIL}.", epoch=2)
    before = Evidence(
        task="multiclass",
        n_train=400,
        loss=(1.1, float("nan")),
        probe_score=(0.3, 0.3),
        predicted_counts=((9, 0), (9, 0)),
        looks=(Look(1, gradients={EVIL: 1e-3}), Look(2, gradients={EVIL: float("inf")})),
        confusion=((0.0, 0.0, 5), (1.0, 0.0, 4)),
    )
    after = replace(before, loss=(1.0, 0.2), looks=None, confusion=((0.0, 0.0, 5), (1.0, 1.0, 4)))
    proof = Proof((0.5,) * 3, (1.0,) * 3, 0.1, 0.5, (1, 2, 3), evidence=(before, after))
    changes_ = (Change("scale-inputs", EVIL, "scaled", 0.2, 0.4),)
    prescription = Prescription((("scale-inputs", {"kind": "standard"}),))
    fix = Fix(None, "f1", prescription, changes_, f"# {EVIL}\nx = 1 < 2", 1.0, 0.5, True, proof, (), after)
    tried = (
        Attempt(0, Prescription(), None, Outcome((0.5,))),
        Attempt(1, prescription, None, Outcome(error=f"no shape {EVIL}")),
        Attempt(2, prescription, None, Outcome((0.9,))),
    )
    made = ReportCase(
        name, Examination((cause,)), before, "Fixed by scale-inputs.", "r1", fix, Course(tried, "score", 0.5)
    )
    return replace(made, **changes)


QUICK = remedy.Search(trials=6, timeout=150, seed=0, workers=1)


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """A real stuck program, treated."""
    folder = tmp_path_factory.mktemp("fixed")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    model, X, y = sick_program()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RemedyWarning)
            result = remedy.fit(
                model, X, y, epochs=12, batch_size=32, validation_split=0.2, verbose=0, experiment=EVIL, search=QUICK
            )
        yield result, mlflow.MlflowClient()
    mlflow.set_tracking_uri(None)


def artifacts(client, run_id):
    """Names at the top of a run's artifacts."""
    return {a.path for a in client.list_artifacts(run_id)}


def download(client, run_id, name, folder):
    with open(client.download_artifacts(run_id, name, str(folder)), encoding="utf-8") as file:
        return file.read()


def test_pictures_and_report_stand_in_the_stuck_run_its_search_and_its_fix(fixed):
    result, client = fixed
    of_both = {"before_and_after.png", "confusion.png", "recalls.png", "search.png", "remedies.png", "report.html"}
    assert {*of_both, "curves.png", "layers.png"} <= artifacts(client, result.run_id)
    assert {*of_both, "curves.png"} <= artifacts(client, result.fix.run_id)
    assert "layers.png" not in artifacts(client, result.fix.run_id)
    experiment = client.get_run(result.run_id).info.experiment_id
    (search,) = client.search_runs([experiment], "tags.`remedy.role` = 'search'")
    assert artifacts(client, search.info.run_id) >= {"search.png", "remedies.png"}


def test_the_kept_matrices_are_those_of_the_proof(fixed, tmp_path):
    result, client = fixed
    kept = json.loads(download(client, result.fix.run_id, "remedy/confusion.json", tmp_path))
    assert kept["labels"] == ["0", "1", "2"]
    for counts, score in ((kept["before"], result.fix.baseline_score), (kept["after"], result.fix.score)):
        pairs = [(i, k) for i, row in enumerate(counts) for k, n in enumerate(row) for _ in range(n)]
        assert balanced_accuracy_score(*zip(*pairs, strict=True)) == pytest.approx(score)
    proof = json.loads(download(client, result.fix.run_id, "remedy/prescription.json", tmp_path))["proof"]
    assert "evidence" not in proof


def test_the_report_of_a_real_run_is_a_whole_page_that_asks_nobody_and_tells_it_all(fixed, tmp_path):
    result, client = fixed
    text = download(client, result.run_id, "report.html", tmp_path)
    assert len(text.encode()) < 5 * MEGABYTE
    found = Page(text)
    assert not found.wrong
    assert not outside(found)
    said = found.said()
    assert EVIL in said
    assert result.conclusion in said
    assert all(d.code in said and d.name in said for d in result.diagnoses)
    assert " ".join(result.fix.patch.split()) in said
    drawn = found.plots()
    assert list(drawn) == [name for name in html_report.HEADINGS if name not in ("predicted_against_true",)]
    traces = {trace.get("name"): trace for trace in drawn["curves"]["data"]}
    assert traces["before, training"]["y"] == pytest.approx(list(result.evidence.loss))
    assert traces["after, training"]["y"] == pytest.approx(list(result.fix.evidence.loss))
    assert text == download(client, result.fix.run_id, "report.html", tmp_path / "..")


def test_a_notebook_shows_verdict_diagnoses_changes_patch_and_picture_of_a_result(fixed):
    result, _ = fixed
    text = result._repr_html_()
    found = Page(text)
    assert not found.wrong
    said = found.said()
    assert "Stuck, fixed." in said
    assert result.conclusion in said
    assert all(d.message in said for d in result.diagnoses)
    assert result.fix.changes[0].after in said
    assert " ".join(result.fix.patch.split()) in said
    (picture,) = [a["src"] for a in found.all("img")]
    assert base64.b64decode(picture.removeprefix("data:image/png;base64,"))[:4] == b"\x89PNG"
    assert not outside(found)
    assert [link["href"] for link in found.all("a")] == [result.run_url]
    assert len(text) < MEGABYTE / 4


def test_a_notebook_shows_an_examination_with_what_could_not_be_looked_at():
    found = remedy.diagnose(*sick_program(), validation_split=0.2)
    shown = Page(found._repr_html_())
    assert not shown.wrong
    assert all(d.message in shown.said() for d in found.diagnoses)
    assert "majority-collapse: loss" in shown.said()
    assert "Not stuck." in Page(Examination()._repr_html_()).said()


def test_a_healthy_run_has_no_pictures_and_no_report_and_shows_itself_in_a_notebook(fixed):
    result = remedy.fit(*healthy_program(), epochs=2, validation_split=0.2, verbose=0)
    names = artifacts(fixed[1], result.run_id)
    assert {name for name in names if "." in name} == {"model_summary.txt"}
    assert "Not stuck." in Page(result._repr_html_()).said()


def test_a_stuck_run_that_is_only_watched_has_a_report_without_a_fix(fixed, tmp_path):
    model, X, y = sick_program()
    result = remedy.fit(model, X, y, epochs=6, verbose=0, search=False)
    client = fixed[1]
    assert {"curves.png", "layers.png", "report.html"} <= artifacts(client, result.run_id)
    found = Page(download(client, result.run_id, "report.html", tmp_path))
    assert "What changed" not in found.said()
    assert set(found.plots()) == {"curves", "predictions", "layers"}
    assert len(found.plots()["curves"]["data"][0]["x"]) == 6
    assert Page(result._repr_html_()).all("img")


def test_whatever_a_user_named_is_escaped():
    found = Page(html_report.report(case(EVIL)))
    assert not found.wrong
    scripts = [text for tag, text in found.texts if tag == "script"]
    assert len(scripts) == len(found.all("script"))
    assert not any(EVIL in text or "<script>" in text for text in scripts)
    assert found.said().count(EVIL) >= 5  # title, heading, message, change, patch
    assert "alert" in json.dumps(found.plots()["layers"]["data"][0]["y"])
    assert "<script" not in json.dumps(found.plots())


def test_a_class_label_is_escaped_in_plots():
    matrix = Confusion((EVIL, "1"), ((3, 1), (0, 4)))
    for figure in (plots.confusion((matrix, matrix)), plots.recalls((matrix, matrix))):
        text = figure.to_json()
        assert "&lt;script" in json.loads(text)["data"][0]["x"][0]
        assert "<script" not in text


def test_the_same_case_gives_the_same_page():
    assert html_report.report(case()) == html_report.report(case())


def test_the_page_carries_plotly_itself():
    from plotly.offline import get_plotlyjs

    (packed,) = re.findall(r'<script type="application/gzip" id="plotly">([^<]+)</script>', html_report.report(case()))
    assert gzip.decompress(base64.b64decode(packed)).decode() == get_plotlyjs()


def test_plots_hold_the_numbers_of_the_run():
    drawn = Page(html_report.report(case())).plots()
    assert drawn["confusion"]["data"][1]["z"] == [[1.0, 0.0], [0.0, 1.0]]
    assert drawn["confusion"]["data"][0]["customdata"] == [[5, 0], [4, 0]]
    assert [trace["y"] for trace in drawn["recalls"]["data"]] == [[1.0, 0.0], [1.0, 1.0]]
    assert drawn["layers"]["data"][0]["z"] == [[-3.0, None]]
    search = {trace["name"]: trace for trace in drawn["search"]["data"]}
    assert search["trained"]["y"] == [0.5, 0.9]
    assert "no shape" in search["failed"]["hovertext"][0]
    assert search["best so far"]["y"] == [0.5, 0.5, 0.9]
    assert [trace["x"] for trace in drawn["remedies"]["data"]] == [[0.2], [0.4]]
    crosses = [trace for trace in drawn["curves"]["data"] if trace["name"].endswith("not finite")]
    assert [(trace["name"], trace["x"]) for trace in crosses] == [("before, training: not finite", [2])]


def test_a_regression_has_its_answers_in_the_page_and_no_matrix():
    before = Evidence(task="regression", loss=(1.0,), answers=((1.0, 5.0), (2.0, float("nan"))))
    proof = Proof(evidence=(before, replace(before, answers=((1.0, 1.0), (2.0, 2.0)))))
    made = case(evidence=before, fix=replace(case().fix, proof=proof, evidence=before))
    drawn = Page(html_report.report(made)).plots()
    assert drawn["predicted_against_true"]["data"][0]["y"] == [5.0, None]
    assert not {"confusion", "recalls"} & set(drawn)


def test_two_hundred_classes_and_three_hundred_layers_stay_under_five_megabytes():
    pairs = tuple((float(i), float(k), 7) for i in range(200) for k in range(200))
    names = [f"block_{i}_dense" for i in range(300)]
    looks = tuple(Look(e, gradients=dict.fromkeys(names, 0.1)) for e in (1, 2, 4, 8))
    big = Evidence(task="multiclass", loss=(1.0,), confusion=pairs, looks=looks)
    made = case(evidence=big, fix=replace(case().fix, evidence=big, proof=Proof(evidence=(big, big))))
    assert len(html_report.report(made)) < 5 * MEGABYTE


def test_a_run_of_which_nothing_is_known_has_a_page():
    found = Page(html_report.report(ReportCase("run", Examination(), Evidence(), "Nothing is known.")))
    assert not found.wrong
    assert not found.plots()
    assert "Nothing is known." in found.said()


def test_a_picture_that_cannot_be_drawn_costs_a_warning_and_only_itself(fixed):
    broken = case(evidence=replace(case().evidence, predicted_counts=((1, 2), (1,))))
    with mlflow.start_run() as mine:
        with pytest.warns(RemedyWarning, match=r"curves.png could not be drawn"):
            pictures.show(broken, Run(mine.info.run_id, mine.info.experiment_id))
        names = artifacts(fixed[1], mine.info.run_id)
    assert "curves.png" not in names
    assert {"before_and_after.png", "confusion.png", "search.png"} <= names


def test_a_template_fails_where_a_value_is_missing():
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        html.render("examination.html", diagnoses=())
