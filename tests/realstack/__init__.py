"""The whole way through pcscd, in a network namespace of its own."""
