"""Garbage by the hundred thousand: cards, certificates, requests, returns.

The suite runs a short draw of each target; ``make fuzz`` runs 100,000 cases a target. What was ever
found stands in ``seeds/``, one file a case, and is tried first in every run.
"""
