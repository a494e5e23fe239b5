"""What people look at: the terminal, sentences, pictures, the report, and what is written into runs.

`text` and `conclusions` are sentences, `terminal` shows them live; `figures` are still pictures, `plots` movable ones.
"""
