"""Records and Ceph are made to disagree, and `cindervault reconcile` finds all of it and nothing else."""
