"""Code that is checked by mypy and pyright, and never run."""
