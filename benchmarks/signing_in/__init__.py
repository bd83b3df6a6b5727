"""Complete sign-ins through the app, and through two plain apps to compare it with."""
