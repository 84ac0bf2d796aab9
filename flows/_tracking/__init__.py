"""The only place where Prefect meets the write side of the run store."""
