"""A blog with a bell: Tidings inside of a FastAPI application."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import BackgroundTasks, Body, FastAPI, HTTPException, Request
from fastapi.responses import FileResponse
from starlette.middleware.sessions import SessionMiddleware

import tidings

HERE = Path(__file__).parent

notifications = tidings.App(db="tidings.db", user=lambda request: request.session.get("user"))
app = FastAPI(lifespan=notifications.lifespan)
app.add_middleware(SessionMiddleware, secret_key=os.environ.get("SESSION_SECRET", "for trying it out only"))
app.mount("/tidings", notifications)


@app.get("/")
def page() -> FileResponse:
    return FileResponse(HERE / "index.html")


@app.get("/me")
def me(request: Request) -> dict[str, str | None]:
    return {"user": request.session.get("user")}


@app.post("/login")
def log_in(user: Annotated[str, Body(embed=True)], request: Request) -> dict[str, str]:
    request.session["user"] = user  # after your own check of a password
    return {"user": user}


@app.post("/logout")
def log_out(request: Request, background: BackgroundTasks) -> dict[str, None]:
    user = request.session.pop("user", None)
    if user is not None:  # end the streams of other tabs, once the answer has taken the cookie away
        background.add_task(notifications.client.revoke, user=user)
    return {"user": None}


@app.post("/authors/{author}/like")
async def like(author: str, request: Request) -> dict[str, str]:
    user = request.session.get("user")
    if user is None:
        raise HTTPException(401)
    await notifications.publish(
        to={"user": author},
        type="like",
        title=f"{user} liked your post",
        actor={"id": user, "name": user},
        group_key="likes",
    )
    return {"liked": author}
