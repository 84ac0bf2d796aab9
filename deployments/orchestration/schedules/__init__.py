"""Operations started by the clock, kept as schedules of Prefect's deployments."""
