"""Fuzzing: whatever a host may say, made from bytes.

A *target* is a module with two functions. `decode` makes of any bytes a list of
inputs, which are frozen values whose `repr` is what one types to make them; `run`
gives such a list to the code and judges what comes of it, by rules of its own.
So the same target serves three masters::

    atheris      mutates bytes, guided by the branches they reach   python -m tests.fuzz
    hypothesis   makes up bytes                                     test_fuzz.py
    the corpus   bytes that once reached something new, kept        corpus/<target>/*

and what fails is shown as ``run([...])``, to be pasted into a regression test.

There is one reader of bytes for all three (`reader`), and not atheris' own, which
takes numbers from the end: with ours a prefix of the bytes is a prefix of the
story, and the corpus can be replayed without atheris.
"""
