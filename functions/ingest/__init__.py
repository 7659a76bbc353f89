"""The Lambda function that makes jobs of uploads."""
