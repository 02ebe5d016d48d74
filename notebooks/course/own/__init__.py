"""From a reader's own file to a trained model, a report and a map (lesson 12, `spacetime run`).

`rows` reads, splits and trains, `running` is the command, `figures` and `findings` are what the lesson shows.
"""
