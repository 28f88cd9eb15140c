"""State that survives: an image of everything, and a journal of the requests that came after it."""
