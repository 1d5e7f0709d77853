"""What the org is made of: sObjects, their fields, and how they describe themselves."""
