"""The seeds of a believable support desk, sown in bulk."""
