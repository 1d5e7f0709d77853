"""The command line, as processes of its own: what a person types, sees and gets back."""
