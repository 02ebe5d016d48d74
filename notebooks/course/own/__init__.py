"""From a reader's own file to a trained model, a report and a map: what `spacetime run` does (lesson 12).

`running` trains and measures, `figures` and `page` make the report; `spacetime.training.own` reads the file.
"""

from course.own.running import PROFILES, OwnRun, Profile, run_corpus
from spacetime.training.own import OwnRows, read_rows

__all__ = ["PROFILES", "OwnRows", "OwnRun", "Profile", "read_rows", "run_corpus"]
