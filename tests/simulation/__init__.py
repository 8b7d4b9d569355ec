"""A simulator: seeded worlds of trouble on a made-up host, each judged by the guarantees.

The parts, in the order in which a run uses them:

`worlds`
    makes a script from a seed; `writers` knows what can be done to a host at a moment.
`script`
    a world as a value: options and a list of steps. Any part of a list is a list.
`play`
    plays a script and returns its history. `stage` does what is done to the host, `crowd`
    is everybody who looks, `straggling` stands between host and informer.
`verdict`
    says what is wrong with a history, if anything is.
`shrink`
    makes a script that fails short, and prints it for `test_regressions`.
`coverage`
    counts what a run reached, and names what no run can reach.

``python -m tests.simulation --seeds 100000`` runs it.
"""
