"""Doubles that ship with the library: a clock that tests move, in-memory ports, contract suites."""
