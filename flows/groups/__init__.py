"""The groups that policies are assigned to."""
