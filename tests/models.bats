#!/usr/bin/env bats
# The protocols as models: every state that they can reach is checked, and planted errors are found.

load lib

@test "job slots: no deadlock, no token lost, make can end; each order that is not ours is caught" {
    "$PYTHON" "$ROOT/tests/models/slots.py"
}

@test "coalesced sweeps: nobody is served uncovered, whoever is killed; each mutant is caught" {
    "$PYTHON" "$ROOT/tests/models/sweeps.py"
}
