"""What an action can be: AWS's own types that run here, custom types, and the types of third parties."""
