"""Jobs: durable, claimed once, found again."""
