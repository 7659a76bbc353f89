"""The single consumer of the job queue: it leases a job, runs the engine over its text and publishes the result."""
