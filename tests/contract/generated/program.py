"""A program on the client that openapi-python-client generates: SERVER USER, in the folder of the client."""

import sys

from generated.api.followers import add_follower
from generated.api.inbox import list_inbox, mark_read
from generated.api.publishing import publish
from generated.api.receiving import poll
from generated.client import AuthenticatedClient
from generated.models import InboxListing, Marking, NewNotification, PollPage, Published, To

server, user = sys.argv[1:]
client = AuthenticatedClient(base_url=server, token="unused")

add_follower.sync_detailed(topic="author/42", user_path=user, client=client)
made = publish.sync(client=client, body=NewNotification(to=To(topic="author/42"), type_="like", title="Bob"))
assert isinstance(made, Published)
listed = list_inbox.sync(client=client, user=user)
assert isinstance(listed, InboxListing)
assert [(one.id, one.status) for one in listed.data] == [(made.id, "UNREAD")]
mark_read.sync(client=client, user=user, body=Marking(ids=[made.id]))
page = poll.sync(client=client, user=user, cursor=made.cursor)
assert isinstance(page, PollPage)
assert [event.type_ for event in page.events] == ["inbox.read"]
