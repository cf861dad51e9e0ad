"""Operating a deployment: copies, keys, examinations."""
