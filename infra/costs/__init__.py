"""What a deployment costs and how long its callers wait: a model and a simulation. Neither asks AWS anything."""
