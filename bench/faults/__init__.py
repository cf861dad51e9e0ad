"""What a fault may cost, and what it may never cost: rows with load running and a verdict each."""
