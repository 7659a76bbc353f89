"""What runs the service that is not part of it: the local stack, and the cloud's nested stacks."""
