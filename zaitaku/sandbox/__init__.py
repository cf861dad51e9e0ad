"""A world to try the product in: a test authority and cards of people who do not exist.

Nothing here is ever valid for a real patient: the roots carry a mark that production refuses.
"""
