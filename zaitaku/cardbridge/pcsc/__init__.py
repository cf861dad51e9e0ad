"""Real readers, by way of the computer's smart-card service."""
