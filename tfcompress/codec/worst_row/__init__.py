"""The prefix code that makes the worst row shortest: its search, and a proof of how short it gets.

`fixed_code` searches, `certify` proves. Both go from the linear `relaxation`, which `row_programme`
solves on the few rows that matter; `branching` looks for whole lengths near its real ones. They see
a table through `row_source` only.
"""
