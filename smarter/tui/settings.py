"""The app's settings: a TOML file in the user's configuration folder, under environment variables.

``app`` reads them when it starts; ``smarter state`` prints where the file is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from smarter.errors import UsageError

FILE = "app.toml"


def settings_file() -> Path:
    """Where the settings are read from; it need not exist."""
    from platformdirs import user_config_path

    return user_config_path("smarter", appauthor=False) / FILE


class Settings(BaseSettings):
    """What a user can set, in the file or as ``SMARTER_APP_THEME`` and so on."""

    model_config = SettingsConfigDict(env_prefix="SMARTER_APP_", extra="forbid", frozen=True)

    theme: Literal["dark", "light"] = Field("dark", description="Colours on a dark or on a light ground.")
    keymap: dict[str, str] = Field(
        default_factory=dict,
        description="Keys by action, as the help (?) names it: {quit = 'ctrl+x', pause = 'f5'}.",
    )
    unlock: Literal["auto", "keyfile", "passphrase", "keyring"] = Field(
        "auto", description="What unlocks keystores, as --unlock of `smarter run`."
    )
    scenarios: tuple[Path, ...] = Field((), description="Folders whose scenarios page 1 lists, too; ~ is your own.")
    workers: int | None = Field(None, ge=1, description="Processes that encrypt ahead; all cores when not set.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, settings_file())


def load_settings() -> Settings:
    """The settings of this user.

    Raises:
        UsageError: a value that cannot be, or a file that is no TOML.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise UsageError(f"{settings_file()}, {field}: {first['msg']}; correct or remove it.") from error
    except ValueError as error:  # TOML's own
        raise UsageError(f"{settings_file()} is no TOML file: {error}; correct or remove it.") from error
