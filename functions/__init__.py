"""The Lambda functions: each parses its event, calls the job core, and shapes the answer."""
