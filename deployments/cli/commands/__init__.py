"""The groups of commands of `tenantatlas`; each module adds its own to the app.

A command imports what it needs inside itself: `--help`, and what only talks to a service, must not wait for SQLAlchemy,
Prefect and the flows, which take a second together.
"""
