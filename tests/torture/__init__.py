"""Real torture: writers, a tormentor and a crowd, on real daemons; `python -m tests.torture`."""
