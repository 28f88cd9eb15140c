"""Jobs: the work of actions that somebody outside CodePipeline does, and tells the end of."""
