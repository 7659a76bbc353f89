"""The commands that speak to a service, by what they are about."""
