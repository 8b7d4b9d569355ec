"""The pure core: no await, thread, clock, logging or libvirt in here.

Inputs come in as values, effects and deltas go out as values. Time and
randomness are arguments. So every race can be written down as a list of inputs
and replayed.
"""
