"""The pure heart: frozen values and functions over them. No I/O, no clock, no logging, no boto3."""
