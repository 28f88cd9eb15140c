"""One module per command: `configure` describes its arguments, `run` parses, makes one library call and renders."""
