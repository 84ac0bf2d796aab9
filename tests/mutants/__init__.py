"""Breaks the product one line at a time and asks the tests: `make mutants`, or `make mutants ARGS="recorder outbox"`."""
