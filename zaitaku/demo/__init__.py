"""The whole product on one machine with a virtual card: ``make demo``."""
