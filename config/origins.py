"""Where each setting comes from, as `scsync settings` shows it."""

from dataclasses import dataclass

from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from config.settings import PREFIX, Settings, Toml, masked_url
from config.tables import ObjectSettings


@dataclass(frozen=True)
class Origin:
    """One setting as `scsync settings` shows it."""

    name: str
    value: str
    origin: str
    meaning: str


def origins(settings: Settings) -> list[Origin]:
    """List every setting with its value (secrets masked), where it came from and its meaning."""
    cls = type(settings)
    dotenv = DotEnvSettingsSource(cls)
    sources = [("environment", EnvSettingsSource(cls)()), (".env", dotenv())]
    if cls.toml_file:
        toml = Toml(cls, cls.toml_file, dotenv, account=settings.account)
        sources += reversed(toml.layers())
    own = [
        Origin(
            name=f"objects.{sobject}.{name}",
            value=_shown(name, value),
            origin=str(cls.toml_file),
            meaning=info.description or "",
        )
        for sobject, table in settings.object_settings.items()
        for name, info in ObjectSettings.model_fields.items()
        if (value := getattr(table, name)) != info.default
    ]
    return [
        Origin(
            name=f"{PREFIX}{name.upper()}",
            value=_shown(name, getattr(settings, name)),
            origin=next((label for label, found in sources if name in found), "default"),
            meaning=info.description or "",
        )
        for name, info in cls.model_fields.items()
        if name != "object_settings"
    ] + own


def _shown(name: str, value: object) -> str:
    if value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, tuple):
        return ",".join(value)
    if name.endswith("_url"):
        return masked_url(str(value))
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
