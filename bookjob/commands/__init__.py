"""The commands by what they are about, all but those of the local stack."""
