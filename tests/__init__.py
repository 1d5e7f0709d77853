"""The stories the project promises, told on real servers and a real wire."""
