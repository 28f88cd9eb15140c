"""The configuration room: deliverkit.yml in, frozen settings out, every problem reported at once with its place."""
