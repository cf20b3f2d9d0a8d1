"""The composition root: the whole machine on one page, and the only file that names a concrete store."""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.routing import BaseRoute
from websockets.server import ServerProtocol

from tidings.api.context import ApiContext
from tidings.api.metrics import ConnectionCounts, Metrics
from tidings.api.routes import OPERATIONS, routes
from tidings.api.ws import ClientMessages
from tidings.auth.api_keys import ApiKeys
from tidings.auth.checked_tokens import CheckedTokens
from tidings.auth.fetch import SessionQuestions, fetch
from tidings.auth.forward_auth import ForwardAuth
from tidings.auth.identity import DevIdentity, ForwardIdentity, Identity, TokenIdentity
from tidings.auth.jwks import RemoteKeys
from tidings.auth.keys import pem_keys, secret_keys, secrets_of
from tidings.auth.origins import OriginPolicy
from tidings.auth.revocations import Revocations
from tidings.auth.signed_links import SignedLinks
from tidings.auth.tickets import Tickets
from tidings.auth.tokens import TokenChecker, TokenRules
from tidings.background.bus_link import BusLink
from tidings.background.catch_up import CatchUp
from tidings.background.connection_timers import ConnectionTimers
from tidings.background.drain import Drain
from tidings.background.head_watch import HeadWatch
from tidings.background.heartbeat import HeartbeatScheduler
from tidings.background.loop_lag import LoopLag
from tidings.background.maintenance import Maintenance
from tidings.background.relay import Relay
from tidings.background.replay_lane import ReplayLane
from tidings.background.session_check import SessionCheck
from tidings.background.store_retry import StoreRetry
from tidings.background.timer_wheel import TimerWheel
from tidings.bus.ipc import IpcBus
from tidings.bus.local import LocalBus, NoWorkers
from tidings.bus.names import channel_name
from tidings.bus.questions import Questions
from tidings.domain.errors import InvalidSettings
from tidings.domain.ports import Bus, Store, Workers
from tidings.extras import extra_of, pip_install
from tidings.hub.hub import Hub
from tidings.hub.readers import Reader, ReaderState
from tidings.hub.ring import RING_EVENTS, Ring
from tidings.limits.addresses import Proxies
from tidings.limits.budgets import Budgets
from tidings.seed.routes import OPERATIONS as SEED_OPERATIONS
from tidings.seed.workbook import Workbook, require_writer
from tidings.services.api_keys import ApiKeyService
from tidings.services.bodies import Bodies
from tidings.services.commands import Commands
from tidings.services.exports import ExportService
from tidings.services.follows import FollowService
from tidings.services.forgetting import ForgettingService
from tidings.services.inbox import InboxService
from tidings.services.notifications import NotificationService
from tidings.services.polls import PollService
from tidings.services.preferences import PreferenceService
from tidings.services.presence import PresenceService
from tidings.services.rate_limits import Replays
from tidings.services.revocations import RevocationService
from tidings.services.services import Services
from tidings.services.status import StatusService
from tidings.services.store_gateway import LARGE, StoreGateway
from tidings.services.store_tickets import StoreTickets
from tidings.services.streams import StreamService
from tidings.services.tickets import TicketService
from tidings.services.write_budgets import CallerBudgets, WriteBudgets
from tidings.settings import PostgresUrl, Settings, WorkerPlace
from tidings.store.sqlite.adapter import SqliteStore
from tidings.store.transactions.api_keys import KEYS_CHANGED
from tidings.store.transactions.forgetting import FORGOTTEN_TYPE
from tidings.store.transactions.revocations import REVOKED_TYPE
from tidings.store.transactions.secrets import keep_secret
from tidings.transports.poll import PollContext
from tidings.transports.poll_frames import PollEncoding
from tidings.transports.sse import SseEncoding
from tidings.transports.stream import StreamContext
from tidings.transports.ws_frames import WsEncoding, WsLines
from tidings.transports.ws_socket import WsContext

if TYPE_CHECKING:
    from tidings.store.postgres.adapter import PostgresStore  # its driver is an extra

_log = logging.getLogger("tidings")

_DAY = 24 * 3600.0  # seconds
RECENT_USER_AGE = 120.0  # seconds, twice the longest poll interval: a user who polls no more is dropped after 1 to 2

MakeIdentity = Callable[[Tickets, OriginPolicy], Identity]


@asynccontextmanager
async def opened_store(settings: Settings, *, place: WorkerPlace | None = None) -> AsyncIterator[Store]:
    """The store of the settings. Raises `StoreTooNew`, `StoreUnavailable`, `InvalidSettings`."""
    store: SqliteStore | PostgresStore
    if isinstance(settings.db, PostgresUrl):
        with _driver_of("db"):
            from tidings.store.postgres import adapter as postgres
        store = await postgres.PostgresStore.open(settings.db, cap=settings.counter_cap)
    else:
        turns = place.folder / "writing" if place is not None else None
        store = await SqliteStore.open(settings.db, cap=settings.counter_cap, turns=turns)
    try:
        yield store
    finally:
        await store.close()


def _bus(settings: Settings, store: Store, place: WorkerPlace | None) -> Bus:
    """How this node and others wake each other. Raises `InvalidSettings`."""
    if place is not None and not isinstance(settings.db, PostgresUrl):
        return IpcBus(place.folder, name=place.name)
    address = settings.bus or (settings.db if isinstance(settings.db, PostgresUrl) else "none")
    if address == "none":
        return LocalBus()
    channel = channel_name(store.lineage.epochs[0].name)
    with _driver_of("bus"):
        if address.startswith("postgres"):
            from tidings.bus.postgres_notify import PostgresNotifyBus

            return PostgresNotifyBus(address, channel=channel, clock=time.monotonic)
        from tidings.bus.redis import RedisBus

        return RedisBus(address, channel=channel, clock=time.monotonic)


@contextmanager
def _driver_of(setting: str) -> Iterator[None]:
    """Raise `InvalidSettings` where the package that a setting needs is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = extra_of(error)
        if extra is None:
            raise
        raise InvalidSettings(f"{setting} needs {error.name}: {pip_install(extra)}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenServices:
    """The open services, and the routes to them."""

    gateway: StoreGateway
    api: ApiContext
    drain: Drain
    routes: list[BaseRoute]


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    on_fatal: Callable[[], None],
    identity: MakeIdentity | None = None,
    place: WorkerPlace | None = None,
    connection_counts: Callable[[], ConnectionCounts | None] = lambda: None,
) -> AsyncIterator[OpenServices]:
    """Store, hub, relay and their workers, opened in order and closed in the other."""
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(opened_store(settings, place=place))
        span = await store.span()

        retry = StoreRetry(clock=time.monotonic)
        user_replays = Budgets(
            rate=settings.user_replay_bytes, burst=settings.user_replay_bytes_burst, clock=time.monotonic
        )
        replays = Replays(user_replays, jitter=random.random)
        lane = ReplayLane(clock=time.monotonic, later=asyncio.get_running_loop().call_later)
        catchup = CatchUp(store, retry=retry, lane=lane, charge=replays.charge)
        on_connection = _log_connection if _log.isEnabledFor(logging.DEBUG) else None
        hub = Hub(
            Ring(head=max(span.floor, span.head - RING_EVENTS)), on_work=catchup.wake, on_connection=on_connection
        )
        relay = Relay(store, hub, retry=retry)
        await relay.warm(span.head)  # the ring is warm before the first reader comes back
        bus = _bus(settings, store, place)
        ipc = Questions(place.folder, name=place.name) if place is not None else None
        others: Workers = ipc or NoWorkers()
        link = BusLink(bus, relay, epoch=lambda: store.epoch, node=secrets.token_hex(4), clock=time.monotonic)
        gateway = StoreGateway(settings=settings, store=store, hub=hub, relay=relay, link=link, clock=_milliseconds)
        wheel = TimerWheel(clock=time.monotonic)
        wheel.every(RECENT_USER_AGE, hub.memberships.evict)
        timer = ConnectionTimers(wheel, hub.liveness, heartbeat=settings.heartbeat, wall_clock=time.time)
        heartbeats = HeartbeatScheduler(
            hub.liveness, heartbeat=settings.heartbeat, clock=time.monotonic, wall_clock=time.time
        )
        loop_lag = LoopLag(clock=time.monotonic)

        revoked = Revocations()
        budgets = write_budgets(settings)
        commands = Commands(gateway, budgets=budgets)
        bodies = Bodies(most=settings.body_bytes, most_of_caller=settings.caller_body_bytes, jitter=random.random)
        process = secrets.token_urlsafe(6)
        streams = StreamService(gateway, revoked=revoked, replays=replays, process=process)
        exports = ExportService(
            gateway,
            exports_folder(settings),
            new_id=lambda: secrets.token_urlsafe(12),
            new_book=Workbook,
            check=require_writer,
            clock=time.monotonic,
        )
        remote = RemoteKeys(partial(fetch, settings.jwks_url), clock=time.monotonic) if settings.jwks_url else None
        if remote is not None:
            stack.push_async_callback(remote.close)
        tokens = CheckedTokens(token_checker(settings, remote), revoked=revoked, clock=time.time)
        tickets = StoreTickets(gateway, revoked=revoked, new_name=secrets.token_urlsafe, clock=time.time)
        revocations = RevocationService(
            commands, gateway, hub, revoked=revoked, clock=time.time, max_age=settings.token_max_age
        )
        hub.on_event[REVOKED_TYPE] = revocations.told
        await revocations.load()
        sessions: ForwardAuth | None = None
        if settings.auth_url:
            questions = SessionQuestions(settings.auth_url)
            stack.push_async_callback(questions.close)
            sessions = ForwardAuth(questions.ask, revoked=revoked, clock=time.time)
            stack.push_async_callback(sessions.close)
        forgetting = ForgettingService(gateway, hub, exports, revocation=revocations.of_user)
        hub.on_event[FORGOTTEN_TYPE] = forgetting.told
        keys = ApiKeys()
        key_service = ApiKeyService(gateway, keys)
        hub.on_event[KEYS_CHANGED] = key_service.told
        await key_service.load()
        poll_encoding = PollEncoding(gateway.cursor)
        services = Services(
            notifications=NotificationService(commands, hub, settings),
            inbox=InboxService(commands, gateway),
            follows=FollowService(commands, gateway, settings),
            preferences=PreferenceService(commands, gateway),
            streams=streams,
            polls=PollService(gateway, loop_lag, replays=replays, lane=lane, encoding=poll_encoding),
            presence=PresenceService(hub, others),
            tickets=TicketService(tickets),
            revocations=revocations,
            forgetting=forgetting,
            exports=exports,
            status=StatusService(
                gateway,
                limited=lambda: {
                    "user_streams": streams.refused,
                    "user_replay_bytes": user_replays.refused,
                    "bodies": bodies.refused,
                    **budgets.refused(),
                },
                body_bytes=lambda: bodies.held,
            ),
        )

        # Nodes on one database without a bus hear nothing of each other.
        unheard = isinstance(settings.db, PostgresUrl) and bus.alone
        maintenance = Maintenance(
            settings,
            write=partial(gateway.write, rows=LARGE),
            query=gateway.query,
            sweep=exports.sweep,
            rest=store.rest,
            process=process,
        )
        workers = [
            relay.run(), catchup.run(hub), wheel.run(), heartbeats.run(), loop_lag.run(),
            bus.run(), link.run(), HeadWatch(relay, retry=retry, bus_down=lambda: link.down or unheard).run(),
            maintenance.run(),
        ]  # fmt: skip
        if ipc is not None:
            workers.append(ipc.run())
        if sessions is not None:
            workers.append(SessionCheck(hub.liveness, sessions, clock=time.monotonic).run())
        for worker in workers:
            task = asyncio.create_task(worker)
            task.add_done_callback(lambda task: _on_worker_exit(task, on_fatal))
            stack.push_async_callback(_stop, task)

        origins = origin_policy(settings)
        who: Identity
        if identity is not None:
            who = identity(tickets, origins)
        elif settings.mode == "dev":
            who = DevIdentity(tickets, origins=origins)
        elif sessions is not None:
            who = ForwardIdentity(tickets, sessions=sessions, keys=keys, origins=origins)
        else:
            who = TokenIdentity(tickets, check=tokens, keys=keys, origins=origins)
        api = ApiContext(
            services=services,
            identity=who,
            origins=origins,
            links=SignedLinks(await link_secrets(settings, gateway, own=identity is None)),
            settings=settings,
            proxies=Proxies(settings.proxies),
            bodies=bodies,
            metrics=Metrics(services.status, workers=others, place=place, server=connection_counts),
            streaming=StreamContext(hub=hub, timer=timer),
            polling=PollContext(hub=hub, timer=timer, encoding=poll_encoding),
            sockets=WsContext(
                hub=hub, timer=timer, handle=ClientMessages(services.inbox, settled=gateway.settled).handle
            ),
            sse=SseEncoding(gateway.cursor),
            ws=WsEncoding(gateway.cursor),
            ws_lines=WsLines(gateway.cursor),
            handshakes=ServerProtocol(),
        )
        operations = list(OPERATIONS)
        if settings.seed:
            exports.start()
            stack.push_async_callback(exports.close)
            operations += SEED_OPERATIONS
        stack.push_async_callback(gateway.idle)
        drain = Drain(hub, retry=settings.retry, randint=random.randint)
        yield OpenServices(gateway=gateway, api=api, drain=drain, routes=routes(api, operations))
        gateway.leaving = gateway.draining = True
        drain.end_all()


def _log_connection(reader: Reader) -> None:
    fields = {"transport": reader.encoding.transport, "user": reader.membership.user}
    if reader.state is ReaderState.CLOSED:
        _log.debug("disconnected", extra=fields | {"reason": reader.end_reason.value})
    else:
        _log.debug("connected", extra=fields | {"position": reader.position})


def exports_folder(settings: Settings) -> Path:
    """The folder of the seed's workbooks."""
    file = Path("tidings.db") if isinstance(settings.db, PostgresUrl) else settings.db
    return settings.exports or file.with_name(f"{file.stem}-exports")


def token_checker(settings: Settings, remote: RemoteKeys | None) -> TokenChecker:
    """Checks tokens as the settings say. Raises `InvalidSettings`."""
    rules = TokenRules(
        audience=frozenset(settings.token_audience),
        issuer=settings.token_issuer,
        type=settings.token_type,
        topics_claim=settings.topics_claim,
        max_age=settings.token_max_age,
    )
    keys = [*secret_keys(settings.secret), *pem_keys(settings.token_keys)]
    return TokenChecker(keys, remote=remote, rules=rules, clock=time.time)


def write_budgets(settings: Settings) -> WriteBudgets:
    """The budgets of those who write, from the settings."""
    budget = partial(Budgets, clock=time.monotonic)
    return WriteBudgets(
        users=CallerBudgets(
            rows=budget(rate=settings.user_writes, burst=settings.user_writes_burst),
            writer=budget(rate=settings.user_writer, burst=settings.user_writer_burst),
            disk=budget(rate=settings.user_disk / _DAY, burst=settings.user_disk),
        ),
        publishers=CallerBudgets(
            rows=budget(rate=settings.publisher_writes, burst=settings.publisher_writes_burst),
            writer=budget(rate=settings.publisher_writer, burst=settings.publisher_writer_burst),
            disk=budget(rate=settings.publisher_disk / _DAY, burst=settings.publisher_disk),
        ),
        addresses=budget(rate=settings.address_writer, burst=settings.address_writer_burst),
        local_allowance=settings.local_allowance,
        jitter=random.random,
    )


async def link_secrets(settings: Settings, gateway: StoreGateway, *, own: bool) -> list[str]:
    """The secrets that links are signed with: the operator's, else one that the store keeps for every process.

    `own`: the settings are an operator's; those of a host that knows its users have a secret of this process alone.
    """
    given = secrets_of(settings.secret) if own else []
    return given or [await gateway.write(keep_secret("links", secrets.token_urlsafe(32)))]


def origin_policy(settings: Settings) -> OriginPolicy:
    """The rule for pages that may call, from the settings."""
    return OriginPolicy(settings.cors_origins, credentials=settings.cors_credentials, loopback=settings.mode == "dev")


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _on_worker_exit(task: asyncio.Task[None], on_fatal: Callable[[], None]) -> None:
    if not task.cancelled():
        _log.critical("worker_died", exc_info=task.exception())
        on_fatal()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
