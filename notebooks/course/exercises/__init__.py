"""Exercises: checks that say what is wrong, and exercise notebooks generated from the lessons.

`checking` is what all checks share; ``lesson_NN`` holds one lesson's exercises, each with its right answer, its cases
and the mistakes it knows; `generating` writes ``notebooks/exercises/`` from the cells tagged ``solution``.
"""
