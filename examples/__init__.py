"""Whole sites to read and to start from."""
