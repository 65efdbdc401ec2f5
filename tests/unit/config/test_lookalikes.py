"""Variables that look like settings are found, and others are left alone."""

from __future__ import annotations

import pytest

from config import settings
from config.lookalikes import find_lookalikes

KNOWN = {declaration.variable for declaration in settings.declarations().values()}
COMMON = """
    HOME PATH USER SHELL LANG LC_ALL TERM PWD OLDPWD TMPDIR HOSTNAME LOGNAME MAIL EDITOR DISPLAY SSH_AUTH_SOCK TZ
    XDG_DATA_HOME XDG_DATA_DIRS XDG_RUNTIME_DIR VIRTUAL_ENV PYTHONPATH PYTHONUNBUFFERED NO_COLOR COLUMNS LINES
    PGDATA PGHOST PGUSER PGPASSWORD POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB REDIS_HOST REDIS_PORT
    CELERY_BROKER_URL FLOWER_BASIC_AUTH FLOWER_BROKER_API AWS_SECRET_ACCESS_KEY GITHUB_TOKEN HTTP_PROXY NO_PROXY
    KUBERNETES_SERVICE_HOST INVOCATION_ID JOURNAL_STREAM LISTEN_FDS PS1 SHLVL FAILPOINTS PROMETHEUS_MULTIPROC_DIR
"""


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("MARKETDATA", "MARKET_DATA"),
        ("market_data", "MARKET_DATA"),
        ("EXECUTION-MODE", "EXECUTION_MODE"),
        ("EXECUTON_MODE", "EXECUTION_MODE"),
        ("SPLIT_PRECENTAGE", "SPLIT_PERCENTAGE"),
        ("ORCHESTRATOR_BROKER", "BROKER"),
        ("TRADING_ORCHESTRATOR_BIND", "BIND"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("ENGINE_A_DEADLINE", "ENGINE_A_DEADLINE_S"),
        ("LOGLEVEL", "LOG_LEVEL"),
        ("DATADIR", "DATA_DIR"),
    ],
)
def test_a_variable_that_looks_like_a_setting_is_named_with_the_right_name(name: str, meant: str) -> None:
    assert find_lookalikes({name: "x"}, KNOWN) == {name: meant}


def test_variables_of_others_and_our_own_are_left_alone() -> None:
    assert find_lookalikes(dict.fromkeys([*COMMON.split(), *KNOWN], "x"), KNOWN) == {}


def test_an_empty_variable_is_as_good_as_unset() -> None:
    assert find_lookalikes({"MARKETDATA": " "}, KNOWN) == {}
