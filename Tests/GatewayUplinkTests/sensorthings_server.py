"""A real SensorThings server, django-ogc-sensorthings on SQLite in a directory, until it is killed.

usage: sensorthings_server.py DIRECTORY; prints its port once it listens.
"""
import os
import sys
import uuid
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.conf import settings


class Handler(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
port = server.server_address[1]
settings.configure(
    SECRET_KEY="test", ALLOWED_HOSTS=["*"], USE_TZ=True, ROOT_URLCONF=__name__, LOGGING_CONFIG=None,
    DATABASES={"default": {
        "ENGINE": "django.db.backends.sqlite3", "NAME": os.path.join(sys.argv[1], "db.sqlite"),
        "OPTIONS": {"timeout": 30}}},
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "sensorthings.versions.v1_1",
        "sensorthings.versions.v1_1.backends.django", "sensorthings.versions.v1_1.extensions.dataarray"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    SENSORTHINGS_V1_1_SERVICE_URL=f"http://127.0.0.1:{port}/sensorthings",
    SENSORTHINGS_V1_1_BACKEND_ADAPTER="sensorthings.versions.v1_1.backends.django.adapter.DjangoBackendAdapter",
    SENSORTHINGS_V1_1_ID_TYPE=uuid.UUID, SENSORTHINGS_V1_1_ID_DELIMITER="'",
)
django.setup()

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

call_command("migrate", verbosity=0)
urlpatterns = [path("sensorthings/", include("sensorthings.versions.v1_1.urls"))]
server.set_app(get_wsgi_application())
print(port, flush=True)
server.serve_forever()
