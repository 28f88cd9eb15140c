"""The packaging room: from a build directory to one deterministic bundle whose appspec is known to be right."""
