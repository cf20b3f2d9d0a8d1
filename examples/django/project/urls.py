"""The addresses of the project."""

from django.contrib.auth.views import LoginView
from django.urls import path
from posts import views

urlpatterns = [
    path("", views.home),
    path("like/<str:author>", views.like),
    path("login", LoginView.as_view(template_name="login.html")),
    path("logout", views.log_out),
]
