"""From a reader's own file to a trained model, a report and a map: what `spacetime run` does (lesson 12).

`rows` reads the file and decides what can be used, `running` trains and measures, `figures` and `page` make the report.
"""

from spacetime.own_corpus.rows import OwnRows, read_rows
from spacetime.own_corpus.running import PROFILES, OwnRun, Profile, run_corpus

__all__ = ["PROFILES", "OwnRows", "OwnRun", "Profile", "read_rows", "run_corpus"]
