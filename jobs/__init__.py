"""The job core: what a job is, every move it can make, and where jobs, documents and messages are kept.

The Lambda functions and the worker both stand on this package; it knows neither of them.
"""
