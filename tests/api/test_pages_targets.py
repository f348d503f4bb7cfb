"""What the pages of deployments elsewhere say."""

import pytest
from django.urls import reverse

from apps.deployments.targets.engines.registry import TARGETS
from apps.deployments.targets.models import Deployment
from tests.factories.marketplace import ModelFactory, ModelRevisionFactory

FORM = reverse("deployments:target-new", args=["aws-sagemaker"])


@pytest.fixture
def model(alice, workspace):
    made = ModelFactory(
        name="rims", namespace__name="plant", namespace__workspace=workspace
    )
    ModelRevisionFactory(model=made)
    return made


def test_the_model_that_was_looked_at_is_carried_to_the_form(client, alice, model):
    client.force_login(alice)
    ModelRevisionFactory(model=ModelFactory(name="other"))
    wanted = {"model": model.full_name}

    here = client.get(reverse("deployments:new"), wanted).content.decode()
    where = client.get(reverse("deployments:target-choose"), wanted).content.decode()
    page = client.get(FORM, wanted)

    assert f"{reverse('deployments:target-choose')}?model=" in here
    assert f"{FORM}?model={model.full_name}" in where
    assert page.context["form"].initial["model"].startswith(f"{model.full_name}@")


def test_what_does_not_fit_is_told_with_an_example_and_nothing_is_lost(
    client, alice, model
):
    client.force_login(alice)
    chosen = client.get(FORM).context["form"].fields["model"].choices[0][0]
    typed = {"model": chosen, "name": "Line 3", "image": "Not An Image"}

    page = client.post(FORM, typed).content.decode()

    assert "it looks like registry.example/line-3@sha256:" in page
    assert 'value="Line 3"' in page
    assert 'value="Not An Image"' in page
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("page", ["deployments:target-choose", "deployments:new"])
def test_who_may_not_deploy_is_told_whom_to_ask(client, vera, model, page):
    client.force_login(vera)

    told = client.get(reverse(page)).content.decode()
    form = client.get(FORM).content.decode()

    assert "ask one, or change to a workspace" in told
    assert "ask one, or change to a workspace" in form
    assert "<form" not in form.partition("<main")[2].partition("</main")[0]


@pytest.mark.parametrize("key", [key for key, each in TARGETS.items() if each.secrets])
def test_a_credential_is_asked_for_in_words(client, alice, workspace, key):
    client.force_login(alice)

    page = client.get(reverse("deployments:credential-new", args=[key]))

    names = [field.label for field in page.context["form"]]
    assert not [name for name in names if "_" in name]
