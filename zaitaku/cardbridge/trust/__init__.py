"""Whose requests are carried out: origins, pinned keys, limits, the operator's build."""
