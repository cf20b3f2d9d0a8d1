"""The same job on other servers, with its plain settings: `GET /sub` streams, `POST /pub` sends to all."""
