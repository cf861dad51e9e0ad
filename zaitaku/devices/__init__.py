"""Devices at the bedside: activation codes, and what they register (domain.md §7)."""
