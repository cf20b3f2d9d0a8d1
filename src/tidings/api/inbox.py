"""The receiving plane's inbox: pages, counters, marks, follows, preferences, tickets."""

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from tidings.api import schemas
from tidings.api.context import ApiContext
from tidings.api.http import Json, Request, body_of, choice, etag_response, number, route
from tidings.api.publish import followable
from tidings.api.stream import counters
from tidings.auth.tickets import LIFETIME, Tickets
from tidings.domain.cursor import Cursor
from tidings.domain.errors import InvalidCursor
from tidings.domain.topics import parse_topic
from tidings.services.store_gateway import NEWEST
from tidings.store.transactions.follows import follow, followed, muted, set_mutes, unfollow
from tidings.store.transactions.inbox import Filter
from tidings.store.transactions.reading import mark_ids, read_up_to

_encode = msgspec.json.Encoder(order="deterministic").encode

BODY = 256 * 1024  # bytes; a thousand ids fit


def routes(context: ApiContext, tickets: Tickets) -> list[Route]:
    """The routes of this plane."""
    gateway = context.gateway
    epoch = gateway.store.epoch

    async def inbox(request: Request) -> Response:
        user = (await context.grant(request)).me()
        topic = request.query_params.get("topic")
        filter = Filter(
            status=choice(request, "status", ("unread", "read", "archived")),
            type=request.query_params.get("type"),
            topic=None if topic is None else parse_topic(topic),
        )
        limit = number(request, "limit", default=20, least=1, most=100)
        before = NEWEST
        if (after := request.query_params.get("after")) is not None:
            place = Cursor.parse(after)
            if place.epoch != epoch:
                raise InvalidCursor("that page is of another log; start from the first page")
            before = place.seq
        found = await gateway.inbox(user, filter, before=before, limit=limit)
        at = Cursor(epoch, found.head)
        page = {
            "data": found.items,
            "next": None if found.next is None else str(Cursor(epoch, found.next)),
            "mutes": sorted(found.mutes),
        }
        # The head moves with everything that happens to anybody: what it was is no part of what is asked about.
        tag = _encode([page, found.counters])
        return etag_response(request, {**page, "cursor": str(at), "counters": counters(found.counters, at)}, of=tag)

    async def get_counters(request: Request) -> Response:
        counted, head = await gateway.counters((await context.grant(request)).me())
        return etag_response(request, counters(counted, Cursor(epoch, head)), of=_encode(counted))

    def marking(verb: str) -> Route:
        async def mark(request: Request) -> Response:
            grant = await context.grant(request)
            user = grant.me()
            body = await body_of(request, limit=BODY)
            marking = schemas.parse_marking(body)
            if marking.ids is not None:
                job = mark_ids(user, marking.ids, verb=verb)
            else:
                job = read_up_to(user, schemas.watermark(marking, verb), verb=verb)
            return await context.write(request, body, job, lambda done: done, status=200, grant=grant)

        return route(f"/v1/inbox/{verb}", mark, "POST")

    async def follows(request: Request) -> Response:
        user = (await context.grant(request)).me()
        found = await gateway.ask(lambda floor, head: followed(user))
        return Json(
            {"data": [{"topic": topic, "since": str(Cursor(epoch, since))} for topic, since in found], "next": None}
        )

    async def put_follow(request: Request) -> Response:
        grant = await context.grant(request)
        topic = grant.may_read(followable(request.path_params["topic"]))
        await gateway.write(follow([(grant.me(), topic)]))
        return Response(status_code=204)

    async def delete_follow(request: Request) -> Response:
        grant = await context.grant(request)
        await gateway.write(unfollow([(grant.me(), followable(request.path_params["topic"]))]))
        return Response(status_code=204)

    async def get_preferences(request: Request) -> Response:
        user = (await context.grant(request)).me()
        return Json({"mutes": await gateway.ask(lambda floor, head: muted(user))})

    async def put_preferences(request: Request) -> Response:
        user = (await context.grant(request)).me()
        wanted = schemas.parse_preferences(await body_of(request, limit=BODY))
        return Json(await gateway.write(set_mutes(user, wanted.mutes)))

    async def post_ticket(request: Request) -> Response:
        grant = await context.grant(request)
        ticket = await tickets.make(grant, origin=request.headers.get("origin", ""))
        return Json({"ticket": ticket, "expires_in": LIFETIME}, status_code=201)

    return [
        route("/v1/inbox", inbox, "GET"),
        route("/v1/inbox/counters", get_counters, "GET"),
        *[marking(verb) for verb in ("read", "unread", "seen", "unseen", "archive", "unarchive")],
        route("/v1/follows", follows, "GET"),
        route("/v1/follows/{topic:path}", put_follow, "PUT"),
        route("/v1/follows/{topic:path}", delete_follow, "DELETE"),
        route("/v1/preferences", get_preferences, "GET"),
        route("/v1/preferences", put_preferences, "PUT"),
        route("/v1/tickets", post_ticket, "POST"),
    ]
