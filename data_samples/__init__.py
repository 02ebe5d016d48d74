"""Files that are shipped, and beside them the code that makes them (run from the root of a clone)."""
