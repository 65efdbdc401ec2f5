"""The Procfile, the compose file and the Dockerfile describe the same processes."""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest
import yaml

from app.cli import run
from config import secret_variables
from config import settings as configuration
from stack import procfile
from stack.errors import StackRefused

ROOT = Path(__file__).parents[3]
SERVERS = {"postgres", "redis"}
SECRETS = {
    *("DATABASE_URL", "MIGRATION_DATABASE_URL", "SECRET_KEY", "API_TOKEN", "NOTIFY_URLS", "ENGINE_SECRET"),
    *("BROKER_KEY", "BROKER_SECRET", "VENUE_URL", "REDIS_URL", "BROKER_URL", "FLOWER_BASIC_AUTH"),
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    """Give the services of the compose file."""
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return services


def test_every_process_has_a_service_with_the_same_command(services: dict[str, Any]) -> None:
    commands = {name: tuple(service["command"]) for name, service in services.items() if name not in SERVERS}

    assert commands == {"migrate": ("orchestrator", "migrate"), **procfile.read_procfile(procfile.default_path())}


def test_every_service_waits_for_the_migration_and_the_migration_for_the_database(services: dict[str, Any]) -> None:
    migration = services["migrate"]["depends_on"]

    assert migration == {"postgres": {"condition": "service_healthy"}}
    for name in procfile.read_procfile(procfile.default_path()):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert services[name]["depends_on"]["redis"] == {"condition": "service_healthy"}


def test_the_compose_servers_keep_what_they_acknowledge(services: dict[str, Any]) -> None:
    redis = services["redis"]["command"]

    assert services["postgres"]["image"] == "postgres:16"
    assert services["postgres"]["volumes"] == ["postgres-data:/var/lib/postgresql/data"]
    assert redis[redis.index("--appendonly") + 1] == "yes"
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"


def test_no_secret_has_a_default_and_no_port_is_open_to_the_network(services: dict[str, Any]) -> None:
    text = (ROOT / "docker-compose.yml").read_text()

    assert services["web"]["environment"]["SECRET_KEY"].startswith("${SECRET_KEY:?")
    assert services["flower"]["environment"]["FLOWER_BASIC_AUTH"].startswith("${FLOWER_BASIC_AUTH:?")
    assert "${POSTGRES_PASSWORD}" not in text
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_every_setting_reaches_the_containers(services: dict[str, Any]) -> None:
    declared = {declaration.variable for declaration in configuration.declarations().values()}

    for name in procfile.read_procfile(procfile.default_path()):
        needed = set(secret_variables.remove_needless_secrets(dict.fromkeys(declared, ""), process=name))
        assert set(services[name]["environment"]) - {"FLOWER_BASIC_AUTH"} == needed


def test_what_shows_or_sends_messages_only_gets_no_other_secret(
    services: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in SECRETS:
        monkeypatch.setenv(variable, "a-canary")
    settings = replace(configuration.load({}), database_url="postgresql://a-canary", secret_key="a-canary")

    children = procfile.build_children(procfile.default_path(), settings, data_dir=tmp_path, port=1, flower_port=2)

    secrets = {child.name: SECRETS & set(child.environment) for child in children}
    messaging = {"REDIS_URL", "BROKER_URL"}
    assert secrets.pop("beat") == messaging
    assert secrets.pop("flower") == messaging | {"FLOWER_BASIC_AUTH"}
    assert all(theirs == SECRETS for theirs in secrets.values())
    for name in ("beat", "flower"):
        assert set(services[name]["environment"]) & SECRETS <= messaging | {"FLOWER_BASIC_AUTH"}
        assert services[name]["volumes"] == []


def test_every_setting_that_is_not_printed_is_known_as_a_secret() -> None:
    hidden = {field.name for field in fields(configuration.Settings) if not field.repr}
    secret = {name for name, kind in get_type_hints(configuration.Settings).items() if "Secret" in str(kind)}

    variables = {configuration.declarations()[name].variable for name in hidden | secret}

    assert variables <= secret_variables.SECRET_VARIABLES


def test_every_procfile_command_is_one_that_exists() -> None:
    for program, *words in procfile.read_procfile(procfile.default_path()).values():
        assert (program, words[0]) == ("orchestrator", "run")
        command = run.command.commands[words[1]]
        with click.Context(command) as context:
            command.parse_args(context, list(words[2:]))


def test_the_image_installs_by_hash_and_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()

    assert lines[0] == "FROM python:3.12-slim"
    assert "RUN pip install --require-hashes -r requirements-venues.lock" in lines
    assert "USER orchestrator" in lines


def test_a_procfile_line_that_is_no_process_is_named(tmp_path: Path) -> None:
    file = tmp_path / "Procfile"
    file.write_text("# processes\nweb: orchestrator run web --port '80 00'\n\nworker orchestrator\n")

    with pytest.raises(StackRefused, match="line 4: expected `name: command`, found 'worker orchestrator'"):
        procfile.read_procfile(file)


def test_a_missing_procfile_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackRefused, match="Procfile is missing: the installation is incomplete"):
        procfile.read_procfile(tmp_path / "Procfile")


def test_processes_of_the_product_are_started_by_this_interpreter(tmp_path: Path) -> None:
    given = (procfile.default_path(), configuration.load({}))

    children = procfile.build_children(*given, data_dir=tmp_path, port=8000, flower_port=5555)

    assert {child.argv[:6] for child in children if child.name != "web"} == {
        (sys.executable, "-P", "-m", "trading_orchestrator", "run", name) for name in ("worker", "beat", "flower")
    }


def test_processes_get_the_engines_of_the_stacks_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGINE_B", "committee")
    settings = replace(configuration.load({}), engine_b="mine:engine", engine_path=(tmp_path, tmp_path / "more"))

    children = procfile.build_children(procfile.default_path(), settings, data_dir=tmp_path, port=1, flower_port=2)

    (worker,) = (child for child in children if child.name == "worker")
    assert worker.environment["ENGINE_B"] == "mine:engine"
    assert worker.environment["ENGINE_PATH"] == f"{tmp_path}:{tmp_path / 'more'}"
