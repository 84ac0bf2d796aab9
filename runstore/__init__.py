"""The canonical, tenant-scoped store of operation runs. Knows neither Prefect nor Streamlit; nothing happens at import."""

from functools import cache


@cache
def installed_version() -> str:
    """The installed package's version; "unknown" when the code runs without having been installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("tenantatlas")
    except PackageNotFoundError:
        return "unknown"
