"""Commands that really run: in processes of this machine, on the artifacts of an execution."""
