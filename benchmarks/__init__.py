"""Measurements that take longer than a test: commands, and under README.md the tables that they wrote."""
