"""Every setting of the project, from the environment or from `.env` in the home directory."""

import os
import zlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated

import platformdirs
from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    AliasChoices,
    Field,
    HttpUrl,
    PostgresDsn,
    SecretStr,
    TypeAdapter,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from runstore.errors import BadInputError

PREFIX = "TENANTATLAS_"

# Read by azure-identity, httpx and OpenSSL from the environment itself; a `.env` in the home may hold them too.
PASSED_ON = ("AZURE_", "SSL_CERT_FILE", "HTTPS_PROXY", "NO_PROXY", "PREFECT_")

FROM_FILE = "TENANTATLAS_FROM_ENV_FILE"
"""Notes which variables came from a file; processes started by this one inherit the note with the variables."""

Port = Annotated[int, Field(ge=1, le=65535)]


_POSTGRESQL: TypeAdapter[PostgresDsn] = TypeAdapter(PostgresDsn)
_WEB: TypeAdapter[HttpUrl] = TypeAdapter(HttpUrl)


def _postgresql(value: SecretStr) -> SecretStr:
    # With a host pydantic can see: libpq also takes one from the query (`?host=/run/postgresql`).
    url = value.get_secret_value().replace("@/", "@localhost/", 1).replace(":///", "://localhost/", 1)
    _POSTGRESQL.validate_python(url)
    return value


def _web_address(value: str) -> str:
    _WEB.validate_python(value)
    return value.rstrip("/")


DatabaseUrl = Annotated[SecretStr, AfterValidator(_postgresql)]
WebAddress = Annotated[str, AfterValidator(_web_address)]


class Settings(BaseSettings):
    """What the environment asks for, validated. Build it with `load_settings`, which speaks in sentences."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, populate_by_name=True, env_ignore_empty=True
    )

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("tenantatlas", appauthor=False)))
    database_url: DatabaseUrl | None = None
    hub_database_url: DatabaseUrl | None = None
    app_database_url: DatabaseUrl | None = None
    relay_database_url: DatabaseUrl | None = None
    worker_database_url: DatabaseUrl | None = None
    prefect_api_url: WebAddress | None = Field(default=None, validation_alias=AliasChoices("PREFECT_API_URL"))

    hub_host: str = "127.0.0.1"
    hub_port: Port = 8501
    prefect_port: Port = 4200
    public_url: WebAddress | None = None

    graph_url: WebAddress = "https://graph.microsoft.com"
    oidc_issuer: WebAddress | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = None
    oidc_email_trusted: bool = False
    proxy_addresses: str = ""
    proxy_subject_header: str = "x-forwarded-user"
    proxy_email_header: str = "x-forwarded-email"
    proxy_sign_out_url: str = ""
    session_secret: SecretStr | None = None
    encryption_key: SecretStr | None = None
    encryption_key_file: Path | None = None

    work_pool: str = Field(default="tenantatlas", min_length=1, max_length=100)
    operation_limit: int | None = Field(default=None, ge=1, le=1000)
    tenant_limit: int = Field(default=8, ge=1, le=10_000)
    worker_limit: int = Field(default=16, ge=1, le=1000)
    worker_poll_seconds: float = Field(default=0.2, ge=0.05, le=60)
    worker_drain_seconds: float = Field(default=60, ge=0, le=86_400)
    flow_memory_mb: int = Field(default=2048, ge=0, le=1_048_576)
    metrics_host: str = "127.0.0.1"
    metrics_port: Port | None = None
    worker_health_port: Port | None = None

    # Seconds of silence after which the relay looks at a run, shows its contact as lost, and calls it failed.
    look_after_seconds: float = Field(default=6, ge=0.5, le=3600)
    contact_lost_after_seconds: float = Field(default=20, ge=1, le=86_400)
    give_up_after_seconds: float = Field(default=600, ge=1, le=7 * 86_400)

    @field_validator("home", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError as unknown:
            raise PydanticCustomError("no_such_user", "no such user") from unknown

    @cached_property
    def is_embedded(self) -> bool:
        return self.database_url is None

    @property
    def state(self) -> Path:
        return self.home / "stack"


def load_settings() -> Settings:
    """The settings now in force: the environment first, then `.env` in the home, then the defaults.

    What other libraries read of `.env` goes into the environment. BadInputError names the variable, never a value.
    """
    told, file = os.environ.get("TENANTATLAS_HOME"), None
    try:
        home = Settings.model_validate({"home": told} if told else {}).home
        if written := _written(home / ".env"):
            file = home / ".env"
        # Flows and pages, which know no settings, read the key by these two names.
        _put({"TENANTATLAS_ENCRYPTION_KEY_FILE": str(home / "encryption_key")} | written)
        return Settings(home=home)
    except ValidationError as problem:
        raise _sentence(problem, file) from None


def _written(file: Path) -> dict[str, str]:
    """The file's variables that are read here or passed on and are not empty; none when there is no file."""
    try:
        values = dotenv_values(file) if file.is_file() else {}
    except (OSError, UnicodeDecodeError) as problem:
        raise BadInputError(f"{file} cannot be read as UTF-8 text: {problem}. Correct or remove it.") from problem
    return {name: value for name, value in values.items() if value and name.startswith((PREFIX, *PASSED_ON))}


def _put(written: Mapping[str, str]) -> None:
    """Makes the environment say what the file says now, wherever it does not speak for itself.

    A variable that only an earlier file had is unset: FROM_FILE notes those that still have a file's value.
    """
    noted = (entry.rpartition(":")[::2] for entry in os.environ.get(FROM_FILE, "").split())
    ours = {name for name, bits in noted if name in os.environ and _some_bits(os.environ[name]) == bits}
    for name in ours - written.keys():
        del os.environ[name]
    for name, value in written.items():
        if name in ours or name not in os.environ:
            os.environ[name] = value
            ours.add(name)
    os.environ[FROM_FILE] = " ".join(
        f"{name}:{_some_bits(os.environ[name])}" for name in sorted(ours & os.environ.keys())
    )


def _some_bits(value: str) -> str:
    """Enough of a value to notice that somebody set it to another one since, and too little to tell a secret by."""
    return f"{zlib.crc32(os.fsencode(value)) & 0xFFF:03x}"


_EXPECTED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "url_parsing": "an address such as https://host:port/path",
    "url_scheme": "an address with a scheme this setting takes ({expected_schemes})",
    "greater_than_equal": "at least {ge}",
    "less_than_equal": "at most {le}",
    "string_too_short": "not empty",
    "no_such_user": "a folder, and there is no user of the name behind its ~",
    "string_too_long": "at most {max_length} characters",
}


def _sentence(problem: ValidationError, file: Path | None) -> BadInputError:
    first: ErrorDetails = problem.errors()[0]
    field = str(first["loc"][0]) if first["loc"] else "home"
    name = "PREFECT_API_URL" if field.upper() == "PREFECT_API_URL" else f"{PREFIX}{field.upper()}"
    if field.endswith("database_url"):
        expected = "a PostgreSQL address such as postgresql://user:password@host:5432/database"
    else:
        expected = _EXPECTED.get(first["type"], "a value of the documented form").format(**first.get("ctx", {}))
    where = "in the environment" if file is None else f"in the environment or in {file}"
    return BadInputError(f"{name} must be {expected}; correct it {where}.")
