"""Security, by list: what docs/security says, tried."""
