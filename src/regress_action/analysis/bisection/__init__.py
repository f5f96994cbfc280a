"""Where a change began: the posterior over commits, and the commit whose measurement tells most."""
