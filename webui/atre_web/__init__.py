# SPDX-License-Identifier: Apache-2.0
from typing import TYPE_CHECKING

from flask import Flask, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Response as BaseResponse

from atre.certificate.files import names_file
from atre.config import Config
from atre.errors import AtreError, DiskFullError
from atre.ipc.appliance_client import ApplianceClient
from atre.ipc.client import EngineClient, ManagementClient
from atre.ipc.embedder_client import EmbedderClient
from atre.ipc.energy_client import EnergyClient
from atre.ipc.models_client import ModelsClient
from atre.ipc.power_client import PowerClient
from atre.ipc.update_client import UpdateClient
from atre_web import body_limit, host_check, room, trust
from atre_web.accounts import authorisation, claim_news
from atre_web.accounts.running import Running
from atre_web.appliance.install import install as appliance
from atre_web.audience import wants_page
from atre_web.backups.install import install as backup_pages
from atre_web.models import install as models
from atre_web.office import install as office
from atre_web.openai import routes
from atre_web.openai.errors import error_response, http_error_response, row_of
from atre_web.openai.interruption import ClientGoneError
from atre_web.panel import error_page
from atre_web.panel import install as panel
from atre_web.panel.snapshot import Sources
from atre_web.power import install as power
from atre_web.trust import http_app
from atre_web.updates.install import install as updates

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["create_app", "create_http_app"]

_CLIENT_CLOSED_REQUEST = 499  # nginx's number; nobody is there to read it


def create_app(config: Config) -> Flask:
    """The web application: the panel and the OpenAI API, guarded, over the two sockets."""
    app = Flask(__name__)
    app.json = _Json(app)
    body_limit.install(app)
    host_check.install(app, names_file(config.tls_dir))
    room.install(app, config.data_dir, _error)
    engine = EngineClient(config.engine_socket)
    app.extensions["atre.engine"] = engine
    embedder = EmbedderClient(config.embedder_socket) if config.embedding_model else None
    app.extensions["atre.embedder"] = embedder
    box = ManagementClient(config.management_socket)
    energy = EnergyClient(config.management_socket)
    panel.install(
        app,
        database=config.database,
        engine=engine,
        box=box,
        embedder=embedder,
        running=Running(config.runtime_dir / "requests"),
        on_claim=lambda: claim_news.tell(config),
        ask_energy=energy.of,
    )
    power.install(app, PowerClient(config.management_socket), energy)
    office.install(app, box)
    models.install(app, ModelsClient(config.management_socket))
    backup_pages(app, config.management_socket)
    updates(app, UpdateClient(config.management_socket))
    appliance(app, ApplianceClient(config.management_socket))
    app.register_blueprint(routes.blueprint)
    trust.install(app, config.tls_dir)
    app.register_error_handler(AtreError, _error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(ClientGoneError, _client_gone)
    authorisation.check(app, authorisation.TABLE)
    return app


def create_http_app(config: Config) -> "WSGIApplication":
    """What the LAN gets without TLS: the box's authority, and the API if the config says so."""
    sources = Sources(
        EngineClient(config.engine_socket), ManagementClient(config.management_socket), None
    )
    api = create_app(config).wsgi_app if config.plain_http_api else None
    return http_app.make(config, sources, api)


class _Json(DefaultJSONProvider):
    """Keys in the order in which they were written, accents as they are."""

    sort_keys = False
    ensure_ascii = False


def _error(error: AtreError) -> BaseResponse:
    if wants_page(request):
        # The page for a full disk says all of it.
        detail = None if isinstance(error, DiskFullError) else error.sentence
        return error_page.failed(row_of(error).status, detail)
    return error_response(error)


def _http_error(error: HTTPException) -> BaseResponse:
    if isinstance(error, RequestEntityTooLarge):
        body_limit.explain(error)
    return error_page.refused(error) if wants_page(request) else http_error_response(error)


def _client_gone(_error: ClientGoneError) -> tuple[str, int]:
    return "", _CLIENT_CLOSED_REQUEST
