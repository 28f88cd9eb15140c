"""What a promotion was, told to those who were not there: an HTML report, a line for a build, JUnit XML.

Pure: a rollout's events go in, a text comes out, the same text for the same events. Nothing here asks anybody.
"""
