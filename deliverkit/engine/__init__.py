"""The engine room: planner, executor, the one wait loop, gates, rollback."""
