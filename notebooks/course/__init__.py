"""Running the lessons under ``notebooks/`` in a row, keeping what each of them found, and gathering runs of one lesson.

>>> from course import run_course  # doctest: +SKIP
>>> print(run_course(profile="quick", lessons=["06"], parameters={"seed": 3}))  # doctest: +SKIP
"""

from course.gathering import GatheredRuns, gather, t_interval
from course.recording import record
from course.running import CourseRun, LessonResult, run_course

__all__ = ["CourseRun", "GatheredRuns", "LessonResult", "gather", "record", "run_course", "t_interval"]
