"""Thirty made-up hand-ins, three of them broken, and what else lies in such a folder."""

import json
from pathlib import Path
from typing import Any

from lrlab.exercises import known
from lrlab.exercises.judging import QUESTIONS

ACTS = "<img src=x onerror='window.acted=1'>"
FIRST = ("Ada", "Ben", "Chloé", "Dmitri", "Efua", "Farah", "Goran", "Hana", "Ivo", "Jun")
NAMES = [f"{name} {letter}." for letter in "ABC" for name in FIRST]
HINT = "In epoch 1 your rate is 0.6727 and should be 0.8"


def answers(number: int) -> dict[str, Any]:
    """What a student handed in; of each ten the first five were right at once."""
    known()
    question = QUESTIONS["00-decay"]
    choices = [question.right] * 5 + ["higher"] * 4 + ["about the same"]
    place = number % 10
    return {
        "name": NAMES[number],
        "predictions": [
            {
                "prediction": "00-decay",
                "question": question.words,
                "answer": choices[place],
                "right": question.right,
            }
        ],
        "exercises": [
            exercise("00-rate", passed=place != 8, wrong=max(0, place - 5)),
            exercise("03-schedule", passed=place not in (8, 9), wrong=place % 3, message=HINT),
        ],
    }


def exercise(name: str, *, passed: bool, wrong: int, message: str = "") -> dict[str, Any]:
    words = "" if passed else message or "Not yet."
    return {"exercise": name, "passed": passed, "message": words, "wrong_answers": wrong}


def write_class(folder: Path) -> None:
    """Write thirty files, of which numbers 3, 13 and 23 are broken; a doubled and foreign ones."""
    folder.mkdir()
    for number in range(30):
        text = json.dumps(answers(number), ensure_ascii=False, indent=1)
        (folder / f"{number:02}.json").write_text(text, encoding="utf-8")
    whole = (folder / "03.json").read_bytes()
    (folder / "03.json").write_bytes(whole[: len(whole) // 2])  # half of it arrived
    (folder / "13.json").write_bytes(b"\x89PNG\r\n\x1a\n\x00")  # a picture under a wrong name
    entry = {"prediction": "00-decay", "question": 7, "answer": [], "right": "much lower"}
    broken = {"name": NAMES[23], "predictions": [entry], "exercises": []}  # written by hand
    (folder / "23.json").write_text(json.dumps(broken))
    (folder / "00 (1).json").write_bytes((folder / "00.json").read_bytes())  # handed in twice
    (folder / "notebook.ipynb").write_text("{}")
    (folder / "settings.json").write_text('{"theme": "dark"}')
    (folder / ".DS_Store").write_bytes(b"\x00")


BROKEN = {"03.json", "13.json", "23.json"}
FOREIGN = {"notebook.ipynb", "settings.json"}
