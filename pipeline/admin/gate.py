"""The gate: who asks, and whether they may from where they are.

    from elsewhere, remote = false ─────────────▶ 403
    a page of somebody else's ──────────────────▶ 403     Origin, Sec-Fetch-Site (a browser can't forge either)
    cookie ─▶ digest ─▶ a login of the store ───▶ who     and for a change the token of that login
    Basic ─▶ argon2, remembered for a minute ───▶ who     for scripts

The same answer, after the same time, whichever part of a credential was wrong.  Nothing here is on the way of a request
to a model: callers' keys open nothing here, and an account opens nothing there.
"""

import base64
import binascii
import hmac
import secrets
import time
from collections.abc import Callable
from ipaddress import ip_address

import attrs
import trio

from pipeline.admin import accounts
from pipeline.admin.accounts import LASTS, SEEN, Login
from pipeline.admin.guard import Guard
from pipeline.admin.passwords import Passwords
from pipeline.admin.refusal import Refused
from pipeline.admin.settings import Settings
from pipeline.admin.text import normal
from pipeline.store.keys import digest
from pipeline.store.store import Store
from transports.messages import Request

COOKIE = "admin_session"
FRESH = 60.0  # seconds that a Basic credential is believed without another look
REMEMBERED = 1_000  # Basic credentials
SAFE = frozenset({"GET", "HEAD"})

# What proxies add on the way (RFC 7239, RFC 9110 §7.6.3, and what was there before them).
_FORWARDED = frozenset({b"forwarded", b"via", b"x-real-ip"})
_FORWARDED_LIKE = b"x-forwarded-"


@attrs.frozen
class Who:
    """Somebody who may look after the gateway; *cookie* is empty for a script."""

    user: str
    cookie: str = ""
    login: Login | None = None


class Gate:
    """Lets in whoever has an account.  *pepper*: what digests are made with."""

    def __init__(self, settings: Settings, store: Store, *, clock: Callable[[], float] = time.time) -> None:
        self.settings, self.passwords, self.guard = settings, Passwords(), Guard()
        self._store, self._clock = store, clock
        self._verified: dict[str, tuple[str, float]] = {}  # of a Basic credential: what it fitted, and until when
        self._looking: dict[str, trio.Event] = {}  # the same, while argon2 runs

    def now(self) -> int:
        """The moment, in ms."""
        return round(self._clock() * 1000)

    # -- from where ---------------------------------------------------------------------------------------------------

    def near(self, request: Request) -> None:
        """Raises Refused for a request that comes from elsewhere, unless that is wanted."""
        if not self.settings.remote and not local(request):
            text = "the admin answers on this machine only; [admin] remote = true (PIPELINE_ADMIN__REMOTE) opens it"
            raise Refused(403, "not_here", text)

    def ours(self, request: Request) -> None:
        """Raises Refused for a change that a page of another origin asks for."""
        if request.method in SAFE:
            return
        origin, site = request.header(b"origin"), request.header(b"sec-fetch-site")
        if site not in (None, "same-origin", "none") or origin not in (None, origin_of(request)):
            raise Refused(403, "cross_site", "a page of another site asked for this")

    # -- who ----------------------------------------------------------------------------------------------------------

    async def who(self, request: Request) -> Who | None:
        """Who asks; None: somebody without an account.  Raises Refused after too many wrong guesses."""
        if cookie := cookie_of(request):
            return await self._logged_in(cookie)
        if (pair := basic(request)) is not None:
            return await self._script(*pair, request.peer)
        return None

    def may_change(self, request: Request, who: Who) -> None:
        """Raises Refused for a change that bears a cookie and not its token: a browser may have been talked into it."""
        shown = request.header(b"x-csrf-token") or ""
        if who.cookie and request.method not in SAFE and not same(shown, self.token(who.cookie)):
            raise Refused(403, "csrf", "the field x-csrf-token does not bear this session's token")

    def token(self, cookie: str) -> str:
        """The token of the session *cookie*; "" for none."""
        return digest(self._store.keys.pepper, f"csrf {cookie}")[:43] if cookie else ""

    async def _logged_in(self, cookie: str) -> Who | None:
        name, now = self._digest(cookie), self.now()
        login = await self._store.read(lambda db: accounts.find(db, name, now))
        if login is None:
            return None
        if now - login.seen > SEEN:
            await self._store.write(lambda db: accounts.saw(db, name, now))
        return Who(login.admin, cookie, login)

    async def _script(self, user: str, password: str, address: str) -> Who | None:
        """Whoever shows a Basic credential: a quarter of a second of argon2, once a minute.

        Those that show the same one meanwhile wait for what is found: twenty requests at once are not twenty attempts.
        """
        mark = digest(self._store.keys.pepper, f"basic {user}\0{password}")
        while not await self._believed(mark, user):
            if (other := self._looking.get(mark)) is not None:
                await other.wait()
                continue
            self._looking[mark] = trio.Event()
            try:
                return await self._looked_at(mark, user, password, address)
            finally:
                self._looking.pop(mark).set()
        return Who(user)

    async def _believed(self, mark: str, user: str) -> bool:
        """Whether the credential *mark* fitted a moment ago, and *user* still has that password."""
        fitted, until = self._verified.get(mark, ("", 0.0))
        if not fitted or self._clock() >= until:
            return False
        return fitted == await self._store.read(lambda db: accounts.password_of(db, user))

    async def _looked_at(self, mark: str, user: str, password: str, address: str) -> Who | None:
        """Whoever shows the credential *mark*, which is believed for a while if it is right."""
        stored = await self._store.read(lambda db: accounts.password_of(db, user))
        if not await self.right(user, password, address):
            return None
        if stored is not None:
            if len(self._verified) >= REMEMBERED:
                self._verified.clear()
            self._verified[mark] = stored, self._clock() + FRESH
        return Who(user)

    async def right(self, user: str, password: str, address: str) -> bool:
        """Whether *password* is that of *user*.  Raises Refused after too many that were not."""
        self.guard.attempt(user, address)
        configured = self.settings.password
        if configured is not None and same(user, self.settings.user) and same(password, configured.reveal()):
            right = True
        else:
            stored = await self._store.read(lambda db: accounts.password_of(db, user))
            ours = configured is not None and user == self.settings.user  # the configured password alone counts
            right = await self.passwords.fits(None if ours else stored, password) and not ours and stored is not None
        if right:
            self.guard.forgive(user, address)
        return right

    # -- logins -------------------------------------------------------------------------------------------------------

    def begun(self, user: str, request: Request) -> Who:
        """A new login of *user*, under a name nobody knew before; it is to be stored."""
        cookie, now = secrets.token_urlsafe(32), self.now()
        agent = (request.header(b"user-agent") or "")[:200]
        return Who(user, cookie, Login(self._digest(cookie), user, request.peer, agent, now, now, now + LASTS))

    def _digest(self, cookie: str) -> str:
        return digest(self._store.keys.pepper, f"login {cookie}")


def local(request: Request) -> bool:
    """Whether *request* comes from this machine.

    What a proxy passes on came from elsewhere: it says so in a field of its own.  One that is on this machine and says
    nothing can't be told from a client here: whoever sets it up is told in the README which field to add.
    """
    return on_loopback(request.local) and not any(forwarded(name) for name, _ in request.headers)


def forwarded(field: bytes) -> bool:
    """Whether a proxy put the *field* there."""
    return field in _FORWARDED or field.startswith(_FORWARDED_LIKE)


def on_loopback(address: str) -> bool:
    """Whether *address* is this machine's own."""
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def origin_of(request: Request) -> str:
    """The origin of a page of ours that sent *request*."""
    return f"{request.scheme}://{request.header(b'host') or ''}".lower()


def same(one: str, other: str) -> bool:
    """Whether both are the same, told in the same time whatever they are."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


# -- what a request shows ---------------------------------------------------------------------------------------------


def cookie_name(request: Request) -> str:
    """What the cookie is called: over TLS with the prefix that no other host can set (RFC 6265bis §4.1.3.2)."""
    return f"__Host-{COOKIE}" if request.scheme == "https" else COOKIE


def set_cookie(request: Request, value: str) -> tuple[bytes, bytes]:
    """The field that gives *request*'s sender the cookie; "" takes it away."""
    age = LASTS // 1000 if value else 0
    secure = "; Secure" if request.scheme == "https" else ""
    text = f"{cookie_name(request)}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}"
    return b"set-cookie", text.encode()


def cookie_of(request: Request) -> str:
    """The cookie *request* bears; "" for none."""
    wanted = cookie_name(request)
    pairs = [
        pair for name, value in request.headers if name == b"cookie" for pair in value.decode("latin-1").split(";")
    ]
    found = [text for called, _, text in (pair.strip().partition("=") for pair in pairs) if called == wanted]
    return found[0] if found else ""


def basic(request: Request) -> tuple[str, str] | None:
    """User and password of a Basic credential (RFC 7617), if *request* bears one."""
    scheme, _, rest = (request.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(rest.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, colon, password = text.partition(":")
    return (normal(user), password) if colon and "\0" not in text else None
