"""The host agent: polls for commands, unpacks bundles, copies files, runs hooks, reports."""
