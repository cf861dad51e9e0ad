"""What every room may use: clock, ids, errors, database, ephemeral store, signing, logs."""
