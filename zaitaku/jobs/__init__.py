"""Long work that outlives a request: kept in the durable store, done by a worker, found again."""
