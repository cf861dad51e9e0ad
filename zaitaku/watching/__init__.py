"""Watching a deployment: metrics, traces, and the condition in which its parts are."""
