"""Stories of users, walked in a real Chromium against the running demo."""
