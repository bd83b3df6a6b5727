"""Every setting as one typed, frozen value; never reads the environment by itself."""

from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from webapp.settings.fields import (
    API_URL,
    AUTHORIZE_URL,
    BASIC_SCOPE,
    LOOPBACK,
    TIKTOK_HOSTS,
    ApiUrl,
    AuditDays,
    AuthorizeUrl,
    DatabaseUrl,
    Days,
    Email,
    Flag,
    Hops,
    Hosts,
    Hours,
    IdleDays,
    InstanceId,
    LogLevel,
    NotifyUrl,
    PageUrl,
    Port,
    Rate,
    RedirectUri,
    RequiredScopes,
    ReturnTo,
    Scopes,
    ShortName,
    StorageUri,
    lower_format,
)
from webapp.settings.secret_fields import (
    BearerToken,
    Credential,
    NotifySecret,
    SealingKeys,
    SecretCredential,
    SigningKey,
    SigningKeys,
)

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Settings(BaseSettings):
    """What the app was told, checked. Field names are the variables' names in lower case.

    Build it with `webapp.settings.load`, which tells every problem at once and looks for
    `misfits` too.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    tiktok_client_key: Credential
    tiktok_client_secret: SecretCredential
    tiktok_redirect_uri: RedirectUri
    tiktok_scopes: RequiredScopes = (BASIC_SCOPE,)
    tiktok_optional_scopes: Scopes = ()
    tiktok_authorize_url: AuthorizeUrl = AUTHORIZE_URL
    tiktok_api_url: ApiUrl = API_URL
    tiktok_pkce: Flag = True
    allow_sandbox: Flag = False
    secret_key: SigningKey
    secret_key_fallbacks: SigningKeys = ()
    #: Standard base64 of 32 bytes each, however they were written; the first seals, all open.
    token_keys: SealingKeys
    #: May hold a password, so it stays out of the repr; so does the storage below.
    database_url: DatabaseUrl = Field(default="sqlite:///instance/app.db", repr=False)
    #: Empty: made at the first start and kept in the installation's own folder.
    instance_id: InstanceId = ""
    refresh_rate: Rate = 8
    refresh_idle_days: IdleDays = 0
    session_days: Days = 30
    session_idle_hours: Hours = 72
    proxy_hops: Hops = 0
    trusted_hosts: Hosts = ()
    #: How long audit events are kept.
    audit_days: AuditDays = 400
    #: May hold a key of the receiver's in its query, so it stays out of the repr. Empty: nobody.
    notify_url: NotifyUrl = Field(default="", repr=False)
    notify_secret: NotifySecret = SecretStr("")
    metrics_token: BearerToken = SecretStr("")
    port: Port = 8000
    app_name: ShortName = "Coatcheck"
    privacy_url: PageUrl = "/privacy"
    terms_url: PageUrl = "/terms"
    support_email: Email = ""
    #: Where `?next=` may lead people back to, by a link on our pages; empty: nowhere.
    return_to: ReturnTo = ()
    ratelimit_storage_uri: StorageUri = Field(default="memory://", repr=False)
    ratelimit_enabled: Flag = True
    log_level: LogLevel = "INFO"
    log_format: Annotated[Literal["json", "console"], lower_format] = "json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is passed in and nothing else: `load` reads the environment it is given."""
        return (init_settings,)

    @model_validator(mode="after")
    def _leave_out_required(self) -> Self:
        optional = tuple(s for s in self.tiktok_optional_scopes if s not in self.tiktok_scopes)
        # The one change of a frozen value, before anybody has seen it.
        self.__dict__["tiktok_optional_scopes"] = optional
        return self

    @property
    def _redirect(self) -> SplitResult:
        return urlsplit(self.tiktok_redirect_uri)

    @property
    def https(self) -> bool:
        """Whether people reach the app by https."""
        return self._redirect.scheme == "https"

    @property
    def loopback(self) -> bool:
        """Whether the app is only reached from its own machine."""
        return self._redirect.hostname in LOOPBACK

    @property
    def public_origin(self) -> str:
        """The address people see, as browsers write an origin: no path, no default port."""
        return _origin(self._redirect)

    @property
    def callback_path(self) -> str:
        """The path at which TikTok's answer is served."""
        return self._redirect.path

    @property
    def authorize_origin(self) -> str:
        """The origin people are sent to, for `form-action` of the CSP."""
        return _origin(urlsplit(self.tiktok_authorize_url))

    @property
    def authorize_host(self) -> str:
        """The host people are sent to, as a person reads it."""
        return urlsplit(self.tiktok_authorize_url).netloc.lower()

    @property
    def hosts(self) -> list[str]:
        """The host names the app answers to."""
        return [self._redirect.hostname or "", *self.trusted_hosts]

    @property
    def sandbox(self) -> bool:
        """Whether a pretend TikTok stands where TikTok should."""
        hosts = {urlsplit(u).hostname for u in (self.tiktok_authorize_url, self.tiktok_api_url)}
        return not hosts <= TIKTOK_HOSTS

    @property
    def confidential(self) -> list[str]:
        """Every value that may stand in no log: secrets, keys, and passwords within URLs."""
        secrets = [self.tiktok_client_secret, self.secret_key]
        secrets += [*self.secret_key_fallbacks, *self.token_keys]
        secrets += [each for each in (self.notify_secret, self.metrics_token) if each]
        urls = (urlsplit(self.database_url), urlsplit(self.ratelimit_storage_uri))
        told = [s.get_secret_value() for s in secrets] + [u.password for u in urls if u.password]
        return told + [part for part in (urlsplit(self.notify_url).query,) if part]


def _origin(url: SplitResult) -> str:
    host = (url.hostname or "").lower()
    if url.port in (None, _DEFAULT_PORTS.get(url.scheme)):
        return f"{url.scheme}://{host}"
    return f"{url.scheme}://{host}:{url.port}"
