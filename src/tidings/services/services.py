"""The verbs of the application, together: what HTTP, WebSocket, the command line and an embedding application call."""

from dataclasses import dataclass

from tidings.services.exports import ExportService
from tidings.services.follows import FollowService
from tidings.services.forgetting import ForgettingService
from tidings.services.inbox import InboxService
from tidings.services.notifications import NotificationService
from tidings.services.polls import PollService
from tidings.services.preferences import PreferenceService
from tidings.services.presence import PresenceService
from tidings.services.revocations import RevocationService
from tidings.services.status import StatusService
from tidings.services.streams import StreamService
from tidings.services.tickets import TicketService


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One of each."""

    notifications: NotificationService
    inbox: InboxService
    follows: FollowService
    preferences: PreferenceService
    streams: StreamService
    polls: PollService
    presence: PresenceService
    revocations: RevocationService
    forgetting: ForgettingService
    tickets: TicketService
    exports: ExportService
    status: StatusService
