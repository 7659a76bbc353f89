"""How the pack `mini` is made: from public data to a finished folder, in one command."""
