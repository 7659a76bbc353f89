"""The Lambda function that takes a job's objects along when its record goes."""
