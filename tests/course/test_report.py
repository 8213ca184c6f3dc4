"""`lrlab report`: what thirty students handed in, as a table a student and a table a question."""

import csv
import doctest
import json
import re

import pytest
from class_of_thirty import ACTS, BROKEN, FOREIGN, NAMES, answers, exercise, write_class

from lrlab.course import report
from lrlab.course.command import main
from lrlab.course.handed_in import read_answers


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "handed_in"
    write_class(folder)
    return folder


@pytest.fixture
def written(folder, tmp_path, capsys):
    """The folder with the report of the class, and what the command said."""
    assert main(["report", str(folder), "--to", str(tmp_path / "report")]) == 0
    return tmp_path / "report", capsys.readouterr().out


def table(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def one_file(folder, content, name="a.json"):
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return folder


def test_the_examples_in_the_docstrings_run():
    assert doctest.testmod(report).failed == 0


def test_the_whole_class_is_read_but_for_what_is_broken(written, folder):
    target, said = written
    assert said.endswith("report.html: 27 students, 3 questions, 6 files left out\n")
    handed_in = read_answers(folder)
    whole = [name for number, name in enumerate(NAMES) if number % 10 != 3]
    assert sorted(student.name for student in handed_in.students) == sorted(whole)
    assert set(handed_in.left_out) == BROKEN | FOREIGN | {"00.json"}
    reasons = {name: why.partition(":")[0] for name, why in handed_in.left_out.items()}
    assert {reasons[name] for name in ("03.json", "13.json")} == {"damaged"}
    assert {reasons[name] for name in ("23.json", *FOREIGN)} == {"not a file of answers"}
    assert handed_in.left_out["00.json"] == "the same as 00 (1).json"
    page = (target / "report.html").read_text(encoding="utf-8")
    assert all(f"<li>{name}: " in page for name in handed_in.left_out)


def test_the_table_of_questions_says_what_the_class_held_and_who_corrected_it(written):
    rows = {row["question"]: row for row in table(written[0] / "questions.csv")}
    assert list(rows) == ["00-decay", "00-rate", "03-schedule"]
    decay = rows["00-decay"]
    # Of each ten students nine were read: four right at once, four "higher", one "about the same".
    assert (decay["answered"], decay["right at once"], decay["wrong before"]) == ("27", "12", "15")
    assert (decay["most held"], decay["held by"]) == ("higher", "12")
    # Afterwards number 8 of each ten has not passed the exercise of that notebook.
    assert decay["right after"] == "12"
    after = decay["who was right after"].split("; ")
    assert sorted(after) == sorted(NAMES[i] for i in range(30) if i % 10 in (5, 6, 7, 9))
    exercise = rows["03-schedule"]
    tried = [i for i in range(30) if i % 10 != 3]
    once = [i for i in tried if i % 10 % 3 == 0 and i % 10 not in (8, 9)]
    assert exercise["right at once"] == str(len(once)) == "6"
    assert exercise["who was right after"].split("; ") == sorted(
        NAMES[i] for i in tried if i % 10 % 3 and i % 10 != 8
    )
    assert (exercise["most held"], exercise["held by"]) == (
        "In epoch 1 your rate is 0.6727 and should be 0.8",
        "6",
    )


def test_the_table_of_students_counts_what_each_did(written):
    rows = {row["student"]: row for row in table(written[0] / "students.csv")}
    assert len(rows) == 27
    eighth = rows[NAMES[8]]
    assert (eighth["questions answered"], eighth["right"]) == ("1", "0")
    assert (eighth["exercises checked"], eighth["passed"]) == ("2", "0")
    assert eighth["wrong answers before"] == "5"
    assert eighth["exercises not passed"] == "00-rate; 03-schedule"
    assert (eighth["wrong questions"], eighth["wrong, right after"]) == ("00-decay", "0")
    assert rows[NAMES[7]]["wrong, right after"] == "1"


def test_the_page_has_a_picture_a_question_and_nothing_from_elsewhere(written):
    page = (written[0] / "report.html").read_text(encoding="utf-8")
    parts = re.findall("<section>.*?</section>", page, re.DOTALL)
    assert [part.count("<svg") for part in parts] == [3, 3, 3]
    # The four right at once of each nine, on a bar of 200.
    assert '<rect class="right" width="89" height="14"/></svg></td><td>12</td>' in parts[0]
    eighth = re.search(rf"<summary>{NAMES[8]}</summary>.*?</details>", page, re.DOTALL)[0]
    assert eighth.count('aria-label="wrong"') == eighth.count("<tr>") == 3
    assert ">higher</td>" in eighth
    assert "{{" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page)


def test_two_files_of_one_student_are_put_together(tmp_path):
    folder = tmp_path / "in"
    first, second = answers(0), answers(5)
    second |= {"name": " ADA   a. "}
    second["exercises"] = [exercise("00-rate", passed=False, wrong=4)]
    one_file(folder, first, "a.json")
    one_file(folder, second, "b.json")
    handed_in = read_answers(folder)
    (student,) = handed_in.students
    assert student.name == "Ada A."
    assert student.files == ["a.json", "b.json"]
    assert student.answers == {"00-decay": "much lower"}  # the first file's
    assert (student.passed["00-rate"], student.wrong["00-rate"]) == (True, 4)
    assert handed_in.remarks == ["Ada A.: two answers to 00-decay; that of a.json counts"]


def test_what_is_right_says_the_course_and_not_the_file(tmp_path):
    forged = answers(5)
    forged["predictions"][0]["right"] = "higher"
    handed_in = read_answers(one_file(tmp_path / "in", forged))
    assert handed_in.right["00-decay"] == "much lower"
    assert "a.json: another right answer to 00-decay" in handed_in.remarks[0]


def test_a_question_of_ones_own_is_known_by_its_words(tmp_path):
    own = {"prediction": "", "question": "Is 2 above 1?", "answer": "no", "right": "yes"}
    folder = one_file(tmp_path / "in", {"name": "", "predictions": [own], "exercises": []})
    report.write_report(folder, tmp_path / "out")
    (row,) = table(tmp_path / "out" / "questions.csv")
    assert (row["question"], row["most held"], row["right after"]) == ("Is 2 above 1?", "no", "0")
    (student,) = table(tmp_path / "out" / "students.csv")
    assert student["student"] == "a"  # the name of the file


def test_the_file_that_is_kept_beside_the_notebooks_takes_its_folder_for_a_name(tmp_path):
    kept = answers(0)
    del kept["name"]
    one_file(tmp_path / "in", kept, "ada/lrlab-answers.json")
    (student,) = read_answers(tmp_path / "in").students
    assert student.name == "ada"


def test_a_quick_question_tells_whether_a_prediction_was_corrected(tmp_path):
    kept = answers(5) | {"exercises": []}
    quick = {"prediction": "00-quick-x", "question": "Q?", "answer": "yes", "right": "yes"}
    kept["predictions"].append(quick)
    folder = one_file(tmp_path / "in", kept)
    report.write_report(folder, tmp_path / "out")
    rows = {row["question"]: row for row in table(tmp_path / "out" / "questions.csv")}
    assert rows["00-decay"]["right after"] == "1"
    assert rows["00-quick-x"]["kind"] == "quick question"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "damaged"),
        ("[" * 100_000, "damaged"),
        ('{"name": "\\ud800", "predictions": [], "exercises": []}', "damaged"),
        ("9" * 10_000, "Exceeds the limit"),
        ("null", "no list of predictions"),
        ('{"predictions": [], "exercises": {}}', "no list of exercises"),
        ('{"predictions": [], "exercises": [{}]}', "exercises without a proper exercise"),
        ('{"predictions": [[]], "exercises": []}', "predictions without a proper question"),
        ('{"name": 1, "predictions": [], "exercises": []}', "its name is no text"),
        (" " * 6_000_000, "too large"),
    ],
)
def test_a_broken_file_is_left_out_with_the_reason(tmp_path, content, why):
    folder = one_file(tmp_path / "in", answers(0))
    one_file(folder, content, "b.json")
    handed_in = read_answers(folder)
    assert [student.name for student in handed_in.students] == [NAMES[0]]
    assert why in handed_in.left_out["b.json"]


def test_without_any_answers_it_says_so(tmp_path, capsys):
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "is a folder of files. Received: " in capsys.readouterr().err
    folder = one_file(tmp_path / "in", "{}")
    assert main(["report", str(folder), "--to", str(tmp_path / "out")]) == 2
    assert "with 1 other files" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_report_is_not_written_into_what_it_reads(tmp_path, capsys):
    folder = one_file(tmp_path / "in", answers(0))
    assert main(["report", str(folder), "--to", str(folder / "report")]) == 2
    assert "must lie outside" in capsys.readouterr().err


def test_whatever_a_file_says_is_shown_as_it_reads(tmp_path):
    odd = answers(0)
    odd["name"] = f"=1+1{ACTS}{{{{dark}}}}"
    own = {"prediction": ACTS, "question": ACTS, "answer": ACTS, "right": f"{ACTS}!"}
    odd["predictions"].append(own)
    odd["exercises"].append(exercise(ACTS, passed=False, wrong=1, message=ACTS))
    folder = one_file(tmp_path / "in", odd)
    one_file(folder, "{", f"{ACTS.replace('/', '')}.json")
    report.write_report(folder, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "&lt;img src=x onerror=&#x27;window.acted=1&#x27;&gt;" in page
    assert "{{dark}}" in page
    (row,) = table(tmp_path / "out" / "students.csv")
    assert row["student"].startswith("'=1+1<img")
