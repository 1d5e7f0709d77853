"""Access: who asks, what they may do, how much of it, and from which page."""
