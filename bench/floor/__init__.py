"""The floor: the least that any Flask application must do for the same requests."""
