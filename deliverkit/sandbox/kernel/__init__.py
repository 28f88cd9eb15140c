"""What every sandbox service stands on: clock and timers, operations, botocore's models, the JSON 1.1 wire protocol."""
