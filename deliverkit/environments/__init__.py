"""Environments described in code and brought up by one command."""
