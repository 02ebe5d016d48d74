"""The syllabus knows every lesson and exercise, with its minutes, and fits into its sessions."""

import re
from pathlib import Path

from course.exercises.generating import read_exercises
from course.running import lesson_files

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/syllabus.md").read_text(encoding="utf-8")
LESSONS = {path.name.split("_")[0]: path for path in lesson_files(ROOT / "notebooks")}
ROWS = [line for line in TEXT.splitlines() if re.match(r"\| \d ", line)]


def test_it_has_eight_sessions_that_link_every_lesson_once() -> None:
    linked = re.findall(r"\]\(\.\./notebooks/([^)]+)\)", TEXT)
    assert len(ROWS) == 8
    assert sorted(linked) == sorted(path.name for path in LESSONS.values())


def test_it_names_every_exercise_once_with_its_minutes() -> None:
    named = re.findall(r"(\d\d[a-z]?)\.(\d) \((\d+)\)", "\n".join(ROWS))
    there = [
        (number, str(one.number), str(one.minutes)) for number, path in LESSONS.items() for one in read_exercises(path)
    ]
    assert sorted(named) == sorted(there)


def test_the_exercises_in_class_take_about_half_an_hour_and_an_hour_where_one_builds() -> None:
    for row in ROWS:
        minutes = sum(map(int, re.findall(r"\((\d+)\)", row.split("|")[4])))
        least, most = (50, 60) if re.match(r"\| \d Build ", row) else (20, 45)
        assert least <= minutes <= most, row[:40]


def test_it_is_one_page() -> None:
    assert len(TEXT.split()) < 800


def test_exercises_of_a_lesson_come_after_or_with_it_unless_the_row_says_that_they_stand_alone() -> None:
    session_of: dict[str, int] = {}
    for session, row in enumerate(ROWS):
        for name in re.findall(r"\]\(\.\./notebooks/([^)]+)\)", row):
            session_of[name.split("_")[0]] = session
    early = [
        (session, number)
        for session, row in enumerate(ROWS)
        for number, _, _ in re.findall(r"(\d\d[a-z]?)\.(\d) \((\d+)\)", row)
        if session < session_of[number] and f"nothing else of lesson {number}" not in row
    ]
    assert early == []
