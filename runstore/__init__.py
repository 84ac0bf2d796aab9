"""The canonical, tenant-scoped store of operation runs. Knows neither Prefect nor Streamlit; nothing happens at import."""
