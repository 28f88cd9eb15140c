"""The version, a literal: reading package metadata would cost every start of the command line 30 ms."""

__version__ = "0.1.0"
