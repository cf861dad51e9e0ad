"""Who receives: facilities, their codes, their channels and their environment settings."""
