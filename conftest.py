"""Which tests run one after the other where several run at a time (pytest-xdist's `--dist loadgroup`)."""

import pytest

from course.running import SHARED_ENCODERS


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests are one group, as they share what is slow to make; lessons that share encoders are one, too."""
    for item in items:
        shared = item.path.suffix == ".ipynb" and SHARED_ENCODERS in item.path.read_text(encoding="utf-8")
        item.add_marker(pytest.mark.xdist_group("shared encoders" if shared else str(item.path)))
