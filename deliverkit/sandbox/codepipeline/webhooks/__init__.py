"""Webhooks: URLs that start a pipeline when somebody outside posts to them what their filters ask for."""
