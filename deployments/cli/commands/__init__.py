"""The groups of commands of `tenantatlas`; each module adds its own to the app."""
