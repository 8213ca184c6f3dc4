"""Any text as a name, a label, a title or an answer: it is shown as it reads, and does nothing."""

import csv
import dataclasses
import io
import json
import re
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest
from class_of_thirty import answers, exercise
from exported import page_of, sweep_over
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from small import SOON, data, made, model

from lrlab import Experiment, LearningRateExplorer, export_html
from lrlab.course.report import write_report
from lrlab.exercises import predict
from lrlab.exercises.card import as_card
from lrlab.explorers.pins import as_csv
from lrlab.figures.picture import Picture, with_overlay

PARTS = [
    *("<", ">", "&", '"', "'", "</", "-->", "]]>", "{{title}}", "{0}", "`", "$", "\\", "_", "%s"),
    *("<img src=x onerror=a()>", "</script>", "<!--", "<b>", "&lt;", "javascript:", "=1+1", "@"),
    *("\n", "\r", "\t", " ", "val_", "x", "é", "文", "😀", "\u202e", "\x1b[31m"),
]
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.lists(
    st.sampled_from(PARTS), min_size=1, max_size=6
).map("".join)


class Page(HTMLParser):
    """The tags of some HTML with their attributes, and its text, as a browser would take them."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.values, self.text = [], [], ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value for _, value in attrs]

    def handle_data(self, data):
        self.text += data


@cache
def experiment():
    return Experiment(model, tuple(data().values()), epochs=2, batch_size=8)


class Renamed(LearningRateExplorer):
    """One whose metric has another name, and whose pins have another label."""

    def __init__(self, name):
        self.name = name
        super().__init__(experiment(), learning_rate=0.1)

    def follow(self, settings):
        for run in super().follow(settings):
            history = {key.replace("accuracy", self.name): run.history[key] for key in run.history}
            yield dataclasses.replace(run, history=history)

    def label(self, settings):
        return self.name


@pytest.mark.filterwarnings("ignore:Glyph")  # Matplotlib's font has no Chinese: it draws a box
@given(texts)
@example("val_x")
def test_a_metric_and_a_label_are_shown_as_they_read(name):
    with made(Renamed, name) as explorer:
        run = explorer.wait(SOON)
        assert explorer.error is None, explorer.error
        assert name in run.final
        spoken = name.replace("_", " ").replace("val ", "validation ")
        page = Page(explorer._picture.words)
        assert {tag for tag, _ in page.tags} <= {"b", "br"}
        assert {attribute for _, names in page.tags for attribute in names} <= {"class"}
        assert spoken in page.text
        explorer.pin()
        if name in explorer.metrics:
            explorer.metric = name
        Image.open(io.BytesIO(explorer.picture)).verify()
        bundle, _ = explorer._repr_mimebundle_()
        assert "image/png" in bundle
        explorer.say(name)
        page = Page(explorer._picture.words)
        assert (page.tags, page.text) == ([], name)
        ((label, _),) = explorer.pins
        assert label == name
        headings, cells = read(explorer.pins_csv)
        assert same_cell(cells[0], name)
        assert any(same_cell(heading, name) for heading in headings)


def read(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def same_cell(cell, text):
    """Whether a cell holds a text, or the same behind an apostrophe, which makes it no formula."""
    lines = re.sub("\r\n?", "\n", text)
    return cell == lines or (cell == f"'{lines}" and text[0] in "=+-@\t\r")


@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=4))
@example([("a", "in\rtwo")])
def test_a_cell_of_a_file_reads_as_it_was_and_is_no_formula(cells):
    row = dict(cells)
    names, values = read(as_csv([row]))
    for written, text in zip([*names, *values], [*row, *row.values()], strict=True):
        assert same_cell(written, text)
        try:
            float(written)
        except ValueError:
            assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))


@cache
def sweep():
    return sweep_over([0.01, 0.1])


@cache
def plain_page(folder):
    return Page(export_html(sweep(), folder / "plain.html", title="plain").read_text("utf-8"))


@given(texts, texts)
def test_a_title_a_metric_and_code_add_nothing_to_an_exported_page(tmp_path_factory, title, name):
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lrlab.export.page.bundle", lambda: "")  # which takes a second, and is fixed

        def named(run):
            history = {f"val_{name}": run.history["loss"], **run.history}
            code = f"# {json.dumps(name)}\n{run.code}"
            return dataclasses.replace(run, history=history, write_code=lambda: code)

        plain = plain_page(folder)
        runs = SimpleNamespace(runs=[named(run) for run in sweep().runs])
        path = export_html(runs, folder / "page.html", title=title)
    markup = path.read_bytes().decode()
    assert Page(markup).tags == plain.tags
    assert Page(markup).text.count(title) >= 2  # as title and as heading
    page = page_of(path)
    assert page["names"][0] == f"val_{name}".replace("_", " ").replace("val ", "validation ")
    assert page["code"][0].startswith(f"# {json.dumps(name)}\n")


@given(texts, texts, texts)
def test_what_students_hand_in_adds_nothing_to_a_report(tmp_path_factory, name, answer, hint):

    folder = tmp_path_factory.mktemp("class")
    handed_in = answers(0) | {"name": name}
    own = {"prediction": answer, "question": hint, "answer": answer, "right": f"{answer}!"}
    handed_in["predictions"].append(own)
    handed_in["exercises"].append(exercise(hint, passed=False, wrong=1, message=answer))
    plain = answers(0) | {"name": "Ada"}
    plain["predictions"].append({name: f"{name}." for name in own} | {"right": "no"})
    plain["exercises"].append(exercise("own", passed=False, wrong=1, message="Why"))
    pages = []
    for number, file in enumerate((handed_in, plain)):
        (folder / f"in{number}").mkdir()
        (folder / f"in{number}" / "a.json").write_text(json.dumps(file))
        write_report(folder / f"in{number}", folder / f"out{number}")
        pages.append(Page((folder / f"out{number}" / "report.html").read_bytes().decode()))
    assert {tag for tag, _ in pages[0].tags} <= {tag for tag, _ in pages[1].tags}
    assert {a for _, names in pages[0].tags for a in names} <= {
        a for _, names in pages[1].tags for a in names
    }


@given(texts, texts, texts)
def test_a_question_its_choices_and_a_hint_are_shown_as_they_read(question, choice, reason):
    other = f"{choice}!"
    prediction = predict(f"{question}?", {choice: reason, other: "No."}, right=choice)
    bundle, _ = prediction._repr_mimebundle_()
    page = Page(bundle["text/html"])
    assert {tag for tag, _ in page.tags} <= {"b", "ul", "li", "code"}
    assert page.text.replace("`", "") == f"{question}?{choice}{other}".replace("`", "")
    page = Page(as_card("wrong", question, reason, choice))
    assert {tag for tag, _ in page.tags} <= {"div", "b", "span", "br", "code", "small"}
    assert reason.replace("`", "") in page.text.replace("`", "")


@given(texts)
def test_what_a_picture_shows_in_words_stays_in_its_attribute(words):
    png = io.BytesIO()
    Image.new("RGB", (1, 1)).save(png, "png")
    for markup in (
        Picture(png.getvalue(), words)._repr_mimebundle_()[0]["text/html"],
        with_overlay(png.getvalue(), words, "light").partition("<script>")[0],
    ):
        page = Page(markup)
        assert [tag for tag, _ in page.tags if tag not in ("style", "div")] == ["img"]
        assert words in page.values
