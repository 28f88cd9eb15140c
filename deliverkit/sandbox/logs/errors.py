"""What is wrong with a query, and where."""

from __future__ import annotations


class QueryError(Exception):
    """A query that Logs Insights, or the sandbox, does not take.

    Attributes:
        message: What is wrong.
        start: First character of the place, counted from 0.
        end: The character behind it.
    """

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.message, self.start, self.end = message, start, end
