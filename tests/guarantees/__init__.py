"""What the informer promises, a module for each promise; see design/GUARANTEES.md."""
