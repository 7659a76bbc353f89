"""The Lambda function that looks after the jobs once a minute."""
