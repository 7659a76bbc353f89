"""The Lambda function that ends the jobs that no worker could."""
