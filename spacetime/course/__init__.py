"""Running the lessons under ``notebooks/`` in a row, and keeping what each of them found.

>>> from spacetime.course import run_course  # doctest: +SKIP
>>> print(run_course(profile="quick", lessons=["06"], parameters={"seed": 3}))  # doctest: +SKIP
"""

from spacetime.course.recording import record
from spacetime.course.running import CourseRun, LessonResult, run_course

__all__ = ["CourseRun", "LessonResult", "record", "run_course"]
