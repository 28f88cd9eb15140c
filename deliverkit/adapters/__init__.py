"""Adapters: ports on one side, the outside world on the other; vendor errors are translated here, by code."""
