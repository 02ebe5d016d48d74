"""Putting a table between its marks in benchmarks/README.md, with the machine and the commit it was measured on."""

from functools import cache
from pathlib import Path

from course import provenance
from spacetime.environment import environment

README = Path(__file__).with_name("README.md")


@cache
def commit() -> str:
    """The commit of the code that was loaded, with a + if files differ from it; "unknown" outside a git checkout."""
    head, _, changes = (provenance.commit(Path(__file__).parent) or "").partition("+")
    return head[:7] + ("+" if changes else "") if head else "unknown"


def write_between(name: str, lines: list[str], note: str, readme: Path = README) -> None:
    """Replace what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in a page."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, rest = readme.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    where = environment()
    measured = (
        f"{note}; {where['machine']}, torch {where['torch']}, transformers {where['transformers']}, Python "
        f"{where['python']}."
    )
    table = "\n".join(lines)
    readme.write_text(f"{before}{begin}\n{table}\n\n{measured}\n{end}{after}", encoding="utf-8")
