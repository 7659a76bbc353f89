"""The Lambda function that tells the queue of callbacks what the table's stream tells it."""
