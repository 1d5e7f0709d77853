"""What the read path reaches of the machine's floor; `python -m benchmarks --help`."""
