"""A long, steady life with reconnects, and whether anything grows in it.

``python -m tests.soak --minutes 30`` (or ``nox -s soak -- --minutes 30``) starts three
processes, so that what is measured is the library's alone:

- the *conductor* (`conductor`) owns a private libvirtd, kills it and has it hang now and
  then, and writes down what the others say;
- the *writers* (`writers`) change the host at a steady rate: domains of the test driver
  behind real RPC, and a few guests of real QEMU;
- the *subject* (`subject`) has an informer on each of the two drivers and an audience
  (`audience`) of all kinds of subscribers, and measures itself every few seconds.

At the end the recording (`recording`) is judged by fixed rules (`verdict`), and drawn
(`picture`).
"""
