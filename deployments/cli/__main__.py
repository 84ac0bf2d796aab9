"""`python -m deployments.cli` is the command `tenantatlas`."""

from deployments.cli.main import main

main()
