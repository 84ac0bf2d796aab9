"""`tenantatlas hub`: serves the operations hub with the settings of the environment."""

import os

from pydantic import SecretStr

from deployments.settings import Settings
from deployments.store_access import configured_url, own_url
from flows._policies.audit import changes_told
from flows._policies.known_names import item_names, items_called
from flows.registry import migration_folders, operations, reasons
from monitoring_app.settings import HubSettings, OidcSettings, ProxySettings
from runstore import installed_version
from runstore.errors import BadInputError, UnavailableError


def hub_settings(settings: Settings, *, demo: bool) -> HubSettings:
    """BadInputError when nobody could sign in, when anybody could, or when the database is not named."""
    if demo:
        refuse_picker(settings)
    reading = own_url(settings, "hub")
    writing = _secret(settings.app_database_url) or configured_url(settings)
    if not writing:
        raise BadInputError(
            "The hub has a login to read with and none for sign-in and start actions: set TENANTATLAS_APP_DATABASE_URL."
        )
    oidc = proxy = None
    if settings.oidc_issuer is not None:
        if not settings.oidc_client_id:
            raise BadInputError("Sign-in needs the client this hub is registered as: set TENANTATLAS_OIDC_CLIENT_ID.")
        oidc = OidcSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=_secret(settings.oidc_client_secret),
            email_trusted=settings.oidc_email_trusted,
        )
    if settings.proxy_addresses.strip():
        proxy = ProxySettings(
            addresses=[address.strip() for address in settings.proxy_addresses.split(",")],
            subject_header=settings.proxy_subject_header,
            email_header=settings.proxy_email_header,
            sign_out_url=settings.proxy_sign_out_url,
        )
    return HubSettings(
        database_url=reading,
        app_database_url=writing,
        public_url=settings.public_url or "",
        session_secret=_secret(settings.session_secret),
        oidc=oidc,
        proxy=proxy,
        demo=demo,
        prefect_ui_url=os.environ.get("TENANTATLAS_PREFECT_UI_URL", ""),
        catalogue=reasons(),
        item_names=item_names,
        changes_told=changes_told,
        items_called=items_called,
        about={name: operation.about for name, operation in operations().items()},
        producer_migrations=migration_folders(),
        version=installed_version(),
    )


def refuse_picker(settings: Settings) -> None:
    """BadInputError when a sign-in is set up, which the demo's picker would go around: it lets anyone in, as an owner too."""
    named = {
        "TENANTATLAS_OIDC_ISSUER": settings.oidc_issuer is not None,
        "TENANTATLAS_PROXY_ADDRESSES": bool(settings.proxy_addresses.strip()),
    }
    found = [name for name, is_set in named.items() if is_set]
    if found:
        raise BadInputError(
            "The demo's picker lets anyone in as any member, so it is not offered where people have to sign in: leave out "
            f"--demo, or unset {' and '.join(found)}."
        )


def serve(settings: Settings, *, demo: bool) -> None:
    """Serves until SIGTERM or SIGINT. UnavailableError when the port is taken."""
    # Streamlit takes a second to import, and `up` only wants to know whether it may offer the picker.
    from monitoring_app.asgi import serve as serve_hub

    wanted = hub_settings(settings, demo=demo)
    try:
        serve_hub(settings.hub_host, settings.hub_port, wanted)
    except OSError as problem:
        raise UnavailableError(
            f"The hub cannot listen on {settings.hub_host}:{settings.hub_port} ({problem.strerror}). "
            "Stop what uses the port, or set TENANTATLAS_HUB_PORT to another."
        ) from problem


def _secret(value: SecretStr | None) -> str:
    return "" if value is None else value.get_secret_value()
