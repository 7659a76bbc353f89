"""The Lambda function that delivers callbacks."""
