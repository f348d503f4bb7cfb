"""A planted secret is in no log, event, row or page."""

import logging
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User, Workspace
from apps.deployments.targets.errors import BadCredentialError
from apps.deployments.targets.models import Credential
from apps.deployments.targets.secrets import seal, unseal
from apps.deployments.targets.services.credentials import (
    forget_credential,
    keep_credential,
)
from apps.deployments.targets.types import Access, State
from tests.unit.deployments.targets.conftest import AWS_OPTIONS, SECRET, Clients, Run


@pytest.fixture
def kept(alice: User, workspace: Workspace) -> Credential:
    return keep_credential(
        user=alice,
        workspace_id=workspace.pk,
        name="plant account",
        target="aws-sagemaker",
        values={
            "aws_access_key_id": "AKIAPLANTED00000000",
            "aws_secret_access_key": SECRET,
        },
    )


def every_row() -> str:
    """All of the database, as text."""
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        told = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 -- our own tables
            told += [row[0] for row in cursor.fetchall()]
    return "\n".join(told)


def test_a_planted_secret_is_nowhere(
    aws: Clients,
    alice: User,
    kept: Credential,
    plan: Run,
    confirm: Run,
    check: Run,
    client: Client,
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)
    deployment = plan("aws-sagemaker", AWS_OPTIONS, credential_id=kept.pk)
    confirm(deployment)
    assert deployment.state == State.LIVE
    check(deployment)
    client.force_login(alice)
    pages = [
        reverse("deployments:targets"),
        reverse("deployments:target", args=[deployment.pk]),
        reverse("deployments:target-new", args=["aws-sagemaker"]),
        reverse("deployments:credentials"),
        reverse("jobs:job", args=[deployment.job_id]),
        reverse("deployments-api:deployment", args=[deployment.pk]),
        reverse("deployments-api:resource-list", args=[deployment.pk]),
        reverse("deployments-api:credential-list"),
    ]

    said = [client.get(page).content.decode() for page in pages]

    assert all("plant account" in said[at] for at in (1, 2, 3))
    for where in (*said, caplog.text, every_row()):
        assert SECRET not in where


def test_what_a_cloud_repeats_of_a_secret_is_taken_out():
    access = Access(values={"aws_secret_access_key": SECRET, "token": "a-b-c-d-e-f"})

    assert access.scrub(f"bad signature of {SECRET}") == "bad signature of ***"
    assert SECRET not in repr(access)


def test_a_sealed_credential_opens_under_the_servers_key_alone(settings: Any):
    sealed = seal({"token": SECRET})

    assert SECRET.encode() not in sealed
    assert unseal(sealed) == {"token": SECRET}
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 8
    with pytest.raises(BadCredentialError, match="SECRET_KEY_FALLBACKS"):
        unseal(sealed)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert unseal(sealed) == {"token": SECRET}


def test_a_deleted_credential_does_not_become_the_workers_own(
    aws: Clients, alice: User, kept: Credential, plan: Run, confirm: Run
):
    deployment = plan("aws-sagemaker", AWS_OPTIONS, credential_id=kept.pk)
    forget_credential(user=alice, credential_id=kept.pk)
    deployment.refresh_from_db()

    confirm(deployment)

    assert (deployment.state, deployment.error_code) == (
        State.FAILED,
        BadCredentialError.code,
    )
    assert "choose another one" in deployment.error
