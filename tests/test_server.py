"""The extension of the Jupyter server: installed, and no message waits for the one before it."""

import asyncio
import socket
from types import SimpleNamespace

import pytest
from jupyter_core.paths import jupyter_config_path
from jupyter_server.extension.config import ExtensionConfigManager
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from lrlab import server as _server

NAME = "kernel_websocket_connection_class"


class Connection:
    """What the server's own connections look like to it."""

    def __init__(self, websocket_handler):
        self.websocket_handler = websocket_handler

    def connect(self):
        return "connected"


class Handler(WebSocketHandler):
    """Opens a connection of the class in the settings, as the server's handler does."""

    def open(self):
        came_of_it = self.settings[NAME](self).connect()
        stream = self.ws_connection.stream
        delays = stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 0
        self.write_message(f"{came_of_it}, delays: {delays}")


async def first_message(application):
    listening, port = bind_unused_port()
    server = HTTPServer(application)
    server.add_socket(listening)
    client = await websocket_connect(f"ws://127.0.0.1:{port}/")
    try:
        return await client.read_message()
    finally:
        client.close()
        server.stop()


@pytest.mark.parametrize("loaded", [False, True])
def test_the_extension_takes_the_delay_from_every_connection(loaded):
    application = Application([("/", Handler)], **{NAME: Connection})
    if loaded:
        _server._load_jupyter_server_extension(SimpleNamespace(web_app=application))
    assert asyncio.run(first_message(application)) == f"connected, delays: {not loaded}"


def test_a_server_of_this_environment_loads_it():
    enabled = ExtensionConfigManager(read_config_path=jupyter_config_path())
    (point,) = _server._jupyter_server_extension_points()
    assert enabled.get_jpserver_extensions()[point["module"]] is True
