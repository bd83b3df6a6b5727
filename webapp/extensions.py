"""Flask's extensions, made once and bound to each app in app.py; holds no setting and no route."""

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect

csrf = CSRFProtect()
limiter = Limiter(key_func=get_remote_address)
login = LoginManager()
migrate = Migrate()
