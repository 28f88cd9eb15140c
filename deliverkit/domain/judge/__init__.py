"""Canary judgement: is the candidate worse than the baseline, given what both showed so far? Pure, `math` only.

`rules` say what is asked, `looks` what was seen, `comparison` what follows. The mathematics, what of it is proved and
what is heuristic, is in `docs/explanation/judge.md`.
"""
