"""`python -m benchmarks`: the engine beside upstream."""

from benchmarks.engine import main

main()
