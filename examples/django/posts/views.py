"""The views: a page with a bell, a like that rings it, and the log-out that ends it."""

from django.contrib.auth import get_user_model, logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST


@login_required
def home(request: HttpRequest) -> HttpResponse:
    others = get_user_model().objects.exclude(pk=request.user.pk)
    return render(request, "home.html", {"others": others})


@require_POST
@login_required
def like(request: HttpRequest, author: str) -> HttpResponse:
    from project.asgi import notifications

    liked = get_object_or_404(get_user_model(), username=author)
    name = request.user.get_username()
    notifications.sync.publish(
        to={"user": liked.pk},
        type="like",
        title=f"{name} liked your post",
        actor={"id": str(request.user.pk), "name": name},
        group_key="likes",
    )
    return redirect("/")


@require_POST
@login_required
def log_out(request: HttpRequest) -> HttpResponse:
    from project.asgi import notifications

    user = request.user.pk
    logout(request)
    notifications.sync.revoke(user=user)  # ends the streams of other tabs
    return redirect("/login")
