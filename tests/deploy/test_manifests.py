"""Manifests of Kubernetes, KServe and Compose agree with the server and its image."""

import re

import pytest
from starlette.testclient import TestClient

from api.inference.memory_limits import parse_bytes
from api.settings import Settings
from tests.deploy.manifests import DEPLOY, FILES, document, found, variables
from tests.servers import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SECRET = "secret-of-a-test"  # noqa: S105
PODS = ("kubernetes/deployment.yaml", "kserve/inference-service.yaml")
SETTINGS_OF = [path for path in FILES if variables(path)]


def setting_of(variable: str) -> str:
    """Name of the setting that an environment variable has."""
    return variable.removeprefix("LIGHTWELL_").lower()


def test_every_file_is_read() -> None:
    """All folders have files, and each file is YAML with a document."""
    assert {path.partition("/")[0] for path in FILES} == {
        "compose.yaml",
        "kserve",
        "kubernetes",
        "ray",
    }
    assert all(documents and all(documents) for documents in FILES.values())


@pytest.mark.parametrize("path", SETTINGS_OF)
def test_variables_are_settings(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each environment variable is that of a setting, which accepts the value."""
    named = variables(path)

    assert {setting_of(name) for name in named} <= set(Settings.model_fields)
    for name, value in named.items():
        # A secret stands in for the value that the Secret, or the shell, has.
        plain = SECRET if value is None or value.startswith("${") else value
        monkeypatch.setenv(name, plain)
    assert Settings().token == SECRET


@pytest.mark.parametrize("path", PODS)
def test_probes_ask_routes(path: str, client: TestClient) -> None:
    """The path of each probe answers 200, and its port is the container's."""
    (container,) = next(found(FILES[path], "containers"))
    (port,) = container["ports"]

    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert client.get(asked["path"]).status_code == 200
        assert asked["port"] in {port.get("name"), port["containerPort"]}
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["startupProbe"]["httpGet"]["path"] == "/livez"


@pytest.mark.parametrize("path", PODS)
def test_pods_agree_with_the_image(path: str) -> None:
    """User and port are those of the Dockerfile, and no folder that is mounted hides its code."""
    user = int(next(found(FILES[path], "runAsUser")))
    ports = set(found(FILES[path], "containerPort"))
    mounted = set(found(FILES[path], "mountPath"))

    assert f"\nUSER {user}:{next(found(FILES[path], 'runAsGroup'))}\n" in DOCKERFILE
    assert ports == {int(port) for port in re.findall(r"^EXPOSE (\d+)", DOCKERFILE, re.MULTILINE)}
    assert "HOME=/tmp" in DOCKERFILE
    assert "/tmp" in mounted  # noqa: S108 - of the image
    assert not {one.split("/")[1] for one in mounted} & {"app", "opt", "usr"}
    assert all(found(FILES[path], "readOnlyRootFilesystem"))


@pytest.mark.parametrize("path", PODS)
def test_the_cache_is_in_a_folder_that_is_mounted(path: str) -> None:
    """With a read-only root, the cache is off or in a volume."""
    cache = variables(path).get("LIGHTWELL_CACHE")

    assert cache is None or cache in set(found(FILES[path], "mountPath"))
    assert "LIGHTWELL_CACHE=none" in DOCKERFILE


@pytest.mark.parametrize("path", PODS)
def test_pods_have_time_to_drain(path: str) -> None:
    """The grace period is longer than the drain time and a request's deadline together."""
    grace = next(found(FILES[path], "terminationGracePeriodSeconds"))
    drain = float(variables(path)["LIGHTWELL_DRAIN_S"] or 0)

    assert grace >= drain + Settings.model_fields["deadline_s"].default
    assert (
        drain
        >= document("kubernetes/deployment.yaml")["spec"]["template"]["spec"]["containers"][0][
            "readinessProbe"
        ]["periodSeconds"]
    )


def test_autoscaling_and_scraping_name_metrics_of_the_server(client: TestClient) -> None:
    """The autoscaler's metric is in /metrics, the adapter serves it, and the monitor reads it."""
    exposition = client.get("/metrics").text
    pods = document("kubernetes/autoscaler.yaml")["spec"]["metrics"]
    name = pods[0]["pods"]["metric"]["name"]
    (rule,) = document("kubernetes/adapter-rule.yaml")["rules"]["custom"]
    (endpoint,) = document("kubernetes/pod-monitor.yaml")["spec"]["podMetricsEndpoints"]

    assert f"# TYPE {name} gauge\n" in exposition
    assert rule["seriesQuery"].startswith(f"{name}{{")
    assert client.get(endpoint["path"]).text.startswith("# HELP")


def test_labels_select_the_pods() -> None:
    """Service, policies and monitor select the labels that the deployment's pods have."""
    labels = document("kubernetes/deployment.yaml")["spec"]["template"]["metadata"]["labels"]
    manifests = [FILES[path] for path in FILES if path.startswith("kubernetes/")]
    selected = [one for manifest in manifests for one in found(manifest, "matchLabels")]

    assert selected == [labels] * len(selected)
    assert len(selected) >= 4
    assert document("kubernetes/service.yaml")["spec"]["selector"] == labels


def test_one_secret_has_the_token() -> None:
    """Pods, KServe's and the scraper read the token from the same key."""
    pods = [one for path in PODS for one in found(FILES[path], "secretKeyRef")]
    scraper = list(found(FILES["kubernetes/pod-monitor.yaml"], "credentials"))

    assert len(pods) == 2
    assert {(one["name"], one["key"]) for one in [*pods, *scraper]} == {
        ("lightwell-token", "token")
    }


def test_the_kustomization_has_every_manifest() -> None:
    """Its resources are the manifests of the folder, and its image is the deployment's."""
    listed = document("kubernetes/kustomization.yaml")
    files = {path.name for path in (DEPLOY / "kubernetes").glob("*.yaml")}

    assert {*listed["resources"]} == files - {"kustomization.yaml", "adapter-rule.yaml"}
    images = {*found(FILES["kubernetes/deployment.yaml"], "image")}
    assert images == {one["name"] for one in listed["images"]}


def test_memory_is_what_the_page_about_containers_says() -> None:
    """The limit is the 1 GiB of the page, which the smallest budget of settings fits in."""
    limits = [one["memory"] for path in PODS for one in found(FILES[path], "limits")]
    servers = [parse_bytes(one) for one in limits if one != "64Mi"]

    assert servers == [2**30] * 2
    compose = document("compose.yaml")["services"]["lightwell"]
    assert parse_bytes(f"{compose['mem_limit']}iB") == 2**30
    assert compose["ports"] == ["127.0.0.1:8000:8000"]
