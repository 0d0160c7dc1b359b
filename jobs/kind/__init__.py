"""What each kind of job has, and what can be done with any: run, plan, retry, compact."""
