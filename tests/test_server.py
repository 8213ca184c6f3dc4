"""The extension of the Jupyter server: switched on, and no message waits for the one before it."""

import asyncio
import os
import socket
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest
from jupyterlab.labapp import LabApp
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application
from tornado.websocket import WebSocketHandler, websocket_connect

from lrlab import server
from lrlab.course.command import main

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
    listener = HTTPServer(application)
    listener.add_socket(listening)
    client = await websocket_connect(f"ws://127.0.0.1:{port}/")
    try:
        return await client.read_message()
    finally:
        client.close()
        listener.stop()


@pytest.mark.parametrize("loaded", [False, True])
def test_the_extension_takes_the_delay_from_every_connection(loaded, monkeypatch, tmp_path):
    for name in (server.ASKED_FOR, server.KEPT_IN):
        monkeypatch.setenv(name, "put back in the end")
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    application = Application([("/", Handler)], **{NAME: Connection})
    if loaded:
        server._load_jupyter_server_extension(SimpleNamespace(web_app=application))
    assert asyncio.run(first_message(application)) == f"connected, delays: {not loaded}"
    # Which the kernels that it starts are given.
    assert os.environ.get(server.ASKED_FOR) == (server.XLA_FLAGS if loaded else None)
    folder = tmp_path / "lrlab" / "programs"
    assert os.environ.get(server.KEPT_IN) == (str(folder) if loaded else None)
    assert folder.exists() == loaded


@pytest.mark.parametrize("set_already", ["", "/elsewhere"])
def test_where_the_folder_is_said_already_none_is_made(set_already, monkeypatch, tmp_path):
    monkeypatch.setenv(server.ASKED_FOR, "")
    monkeypatch.setenv(server.KEPT_IN, set_already)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    application = Application([("/", Handler)], **{NAME: Connection})
    server._load_jupyter_server_extension(SimpleNamespace(web_app=application))
    assert os.environ[server.KEPT_IN] == set_already
    assert not [*tmp_path.iterdir()]


def test_of_too_many_programs_the_oldest_go(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "lrlab" / "programs"
    for age, name in enumerate("abcd"):
        path = folder / name / f"{name}.pb"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"a" * 100)
        os.utime(path, (1000 - age, 1000 - age))
    assert server._folder_of_programs(most=250, free=0) == str(folder)
    assert [path.name for path in sorted(folder.glob("*/*"))] == ["a.pb", "b.pb"]


def test_without_room_or_leave_to_write_nothing_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert server._folder_of_programs(free=2**62) == ""
    (tmp_path / "a file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a file"))
    assert server._folder_of_programs() == ""


def run(prefix, code, *options):
    """Run code in a Python that is installed, as far as Jupyter can see, under a prefix."""
    environment = {name: value for name, value in os.environ.items() if "JUPYTER" not in name}
    result = subprocess.run(
        [sys.executable, "-c", f"import sys\nsys.prefix = {str(prefix)!r}\n{code}", *options],
        env=environment | {"HOME": str(prefix)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def connection_of_a_server(prefix, *options):
    code = (
        "from jupyter_server.serverapp import ServerApp\n"
        "app = ServerApp()\n"
        "app.initialize([*sys.argv[1:], '--allow-root'], new_httpserver=False)\n"
        f"print(app.web_app.settings[{NAME!r}].__name__)"
    )
    return run(prefix, code, *options).strip()


def test_an_installation_leaves_every_server_as_it_is(repository, tmp_path):
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    # Neither shared-data, which could lay a file into etc/jupyter, nor any other way past lrlab/.
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel.keys() == {"include", "sources", "dev-mode-dirs"}
    assert all(place.startswith("lrlab/") for place in wheel["sources"].values())
    folders = {path.split("/")[1] for path in wheel["include"]}
    assert folders == {"lrlab", *wheel["sources"]}
    assert "entry-points" not in project["project"]
    assert connection_of_a_server(tmp_path) == "ZMQChannelsWebsocketConnection"


def test_make_lab_switches_it_on(repository, tmp_path, monkeypatch):
    recipe = (repository / "Makefile").read_text().partition("\nlab: ")[2].partition("\n\n")[0]
    assert "/bin/lrlab lab notebooks $(ARGS)" in recipe
    given = []
    monkeypatch.setattr(LabApp, "launch_instance", given.extend)
    for name in ("JUPYTER_PREFER_ENV_PATH", "JUPYTER_CONFIG_PATH"):
        monkeypatch.setenv(name, "")  # put back in the end
    assert main(["lab", str(tmp_path / "course")]) == 0
    (option,) = [each for each in given if each.startswith("--ServerApp.jpserver_extensions=")]
    assert connection_of_a_server(tmp_path, option) == "WithoutDelay"


def test_binder_switches_it_on(repository, tmp_path):
    """Its script, run with a Python that installs nothing and says that it lies elsewhere."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text(f"#!/bin/bash\n[[ $2 != *sys.prefix* ]] || echo {tmp_path}\n")
    python.chmod(0o755)
    path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(repository / "binder" / "postBuild", env={"PATH": path}, check=True)
    assert connection_of_a_server(tmp_path) == "WithoutDelay"
