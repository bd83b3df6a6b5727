"""All settings as one typed, frozen value, made by `webapp.settings.load`."""

from typing import Annotated, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from webapp.settings.field_types import (
    API_URL,
    AUTHORIZE_URL,
    BASIC_SCOPE,
    LOOPBACK,
    TIKTOK_HOSTS,
    ApiUrl,
    AuthorizeUrl,
    DatabaseUrl,
    Digits,
    Email,
    Flag,
    Hosts,
    InstanceId,
    LogFormat,
    LogLevel,
    NotifyUrl,
    PageUrl,
    RedirectUri,
    RequiredScopes,
    ReturnTo,
    Scopes,
    SecurityContact,
    ShortName,
    StorageUri,
    between,
)
from webapp.settings.secret_types import (
    BearerToken,
    Credential,
    NotifySecret,
    SecretCredential,
    SigningKey,
    SigningKeys,
    TokenKeys,
)

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Settings(BaseModel):
    """The checked settings; field names are the variable names in lower case.

    Build it with `webapp.settings.load`, which also checks settings against each other.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True, regex_engine="python-re")

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
    #: Standard base64 of 32 bytes each; the first encrypts, all of them decrypt.
    token_keys: TokenKeys
    #: May contain a password, so it is left out of the repr; so is the storage below.
    database_url: DatabaseUrl = Field(default="sqlite:///instance/app.db", repr=False)
    #: Empty: generated at the first start and stored in the installation's own folder.
    instance_id: InstanceId = ""
    refresh_rate: Annotated[Digits, between(1, 10_000)] = 8
    refresh_idle_days: Annotated[Digits, between(0, 3650)] = 0
    session_days: Annotated[Digits, between(1, 365)] = 30
    session_idle_hours: Annotated[Digits, between(1, 8760)] = 72
    proxy_hops: Annotated[Digits, between(0, 10)] = 0
    trusted_hosts: Hosts = ()
    #: How long audit events are kept.
    audit_days: Annotated[Digits, between(1, 3650)] = 400
    #: May contain a key of the receiver in its query, so it is left out of the repr.
    #: Empty: no notifications are sent.
    notify_url: NotifyUrl = Field(default="", repr=False)
    notify_secret: NotifySecret = SecretStr("")
    metrics_token: BearerToken = SecretStr("")
    port: Annotated[Digits, between(1, 65535)] = 8000
    app_name: ShortName = "Coatcheck"
    privacy_url: PageUrl = "/privacy"
    terms_url: PageUrl = "/terms"
    support_email: Email = ""
    #: Empty: there is no /.well-known/security.txt.
    security_contact: SecurityContact = ""
    #: Services that `?next=` may link back to from our pages.
    return_to: ReturnTo = ()
    ratelimit_storage_uri: StorageUri = Field(default="memory://", repr=False)
    ratelimit_enabled: Flag = True
    log_level: LogLevel = "INFO"
    log_format: LogFormat = "json"

    @model_validator(mode="after")
    def _drop_required_from_optional(self) -> Self:
        optional = tuple(s for s in self.tiktok_optional_scopes if s not in self.tiktok_scopes)
        # The only change of the frozen value, before anything else can see it.
        self.__dict__["tiktok_optional_scopes"] = optional
        return self

    @property
    def _redirect(self) -> SplitResult:
        return urlsplit(self.tiktok_redirect_uri)

    @property
    def https(self) -> bool:
        """True if people reach the app over https."""
        return self._redirect.scheme == "https"

    @property
    def loopback(self) -> bool:
        """True if the app can be reached only from its own machine."""
        return self._redirect.hostname in LOOPBACK

    @property
    def public_origin(self) -> str:
        """The origin of this site, as browsers write it: no path, no default port."""
        return _origin(self._redirect)

    @property
    def callback_path(self) -> str:
        """The path of the redirect URI."""
        return self._redirect.path

    @property
    def authorize_origin(self) -> str:
        """The origin of TikTok's consent page, for `form-action` of the CSP."""
        return _origin(urlsplit(self.tiktok_authorize_url))

    @property
    def authorize_host(self) -> str:
        """The host of TikTok's consent page, for people to read."""
        return urlsplit(self.tiktok_authorize_url).netloc.lower()

    @property
    def hosts(self) -> list[str]:
        """The host names the app answers to, in lower case and without a dot at the end."""
        names = (self._redirect.hostname or "", *self.trusted_hosts)
        return [name.lower().removesuffix(".") for name in names]

    @property
    def sandbox(self) -> bool:
        """True if a mock TikTok is used."""
        hosts = {urlsplit(u).hostname for u in (self.tiktok_authorize_url, self.tiktok_api_url)}
        return not hosts <= TIKTOK_HOSTS

    @property
    def confidential(self) -> list[str]:
        """Every value that logs must not contain: secrets, keys, and passwords in URLs."""
        secrets = [self.tiktok_client_secret, self.secret_key]
        secrets += [*self.secret_key_fallbacks, *self.token_keys]
        secrets += [each for each in (self.notify_secret, self.metrics_token) if each]
        urls = (urlsplit(self.database_url), urlsplit(self.ratelimit_storage_uri))
        values = [s.get_secret_value() for s in secrets] + [u.password for u in urls]
        return [value for value in (*values, urlsplit(self.notify_url).query) if value]


def _origin(url: SplitResult) -> str:
    host = (url.hostname or "").lower()
    if url.port in (None, _DEFAULT_PORTS.get(url.scheme)):
        return f"{url.scheme}://{host}"
    return f"{url.scheme}://{host}:{url.port}"
