"""Callbacks: telling the address that came with a job how the job ended, surely and to nobody else."""
