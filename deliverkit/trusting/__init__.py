"""Trust: what is stated and signed about a release when it is made, and what must hold before it is deployed."""
