"""The mount that replaces a generator and a queue for each user."""

from fastapi import FastAPI, Request

import tidings

notifications = tidings.App(db="tidings.db", user=lambda request: request.cookies.get("login"))
app = FastAPI(lifespan=notifications.lifespan)
app.mount("/tidings", notifications)  # the stream is /tidings/v1/stream


@app.post("/posts/{post}/like")
async def like(post: int, request: Request) -> None:
    # In place of a put into the queues of Alice's open pages.
    await notifications.publish(to={"user": "alice"}, type="like", data={"post": post})
