"""Faults on purpose: real processes are killed, frozen, restarted and cut off, and the table must still be true."""
