# The package rules on real C sources, with kills: see real_set.py.
# at most 3600 s
load lib

@test "seven C libraries of Debian's: built, checked, upgraded, killed at random moments, uninstalled" {
    [ -n "${KILLS-}" ] || skip 'it takes minutes and the network: KILLS=25 TESTS=real make check'
    run "$PYTHON" "$ROOT/tests/drivers/real_set.py" --kills="$KILLS"
    echo "$output"
    [ "$status" != 77 ] || skip "$output"
    [ "$status" = 0 ]
}
