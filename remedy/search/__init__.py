"""Choosing: which remedies are tried, for how long, which attempt leads, and the proof of what won.

`schedule` decides what is tried next and `ledger` holds what came of it; `budget` shares out the seconds, `halving`,
`intensify` and `local_search` are its stages, `confirmation` the proof, `ablation` drops what is not needed.
"""

from remedy.search.options import Search

__all__ = ["Search"]
