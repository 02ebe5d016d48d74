"""What pyproject.toml cannot say: an editable install of the clone also makes the lessons' own package importable.

The lessons import `course` (notebooks/course); `data_samples` has what makes the data, and `benchmarks` what measures
and trains the released model. A wheel holds none of them, as it has no lessons to run.
"""

import sys

from setuptools import find_packages, setup

packages = find_packages(include=["spacetime*"])
folders = {}
if "editable_wheel" in sys.argv:
    packages += find_packages("notebooks", include=["course*"])
    packages += find_packages(include=["data_samples*", "benchmarks*"])
    folders = {"course": "notebooks/course"}
setup(packages=packages, package_dir=folders)
