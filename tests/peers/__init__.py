"""The same promises asked of other informers: `kubernetes` and `aiok8s`.

`python -m tests.peers` runs every scenario on every informer that is installed and prints
who kept which promise; ``nox -s peers`` installs them all first. The tests here need none
of them: they run this library through the same scenarios, and the stub server by itself.
"""
