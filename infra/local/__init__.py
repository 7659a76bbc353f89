"""The whole service on one machine: AWS in one process, the application's own template in it, a worker, a front."""
