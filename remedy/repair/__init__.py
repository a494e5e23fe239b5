"""From a stuck run to its fix: search, proof, final training, patch, linked runs.

`repair` is the way from first to last; `handover` makes the fix that the user gets, `advice` what a healthy run may
try.
"""
