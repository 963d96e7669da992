"""Validation of manifests; `tests.deploy.schemas` runs it in the environment of the schemas."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kserve
import kubernetes.client
import kubernetes_validate
import yaml

DEPLOY = Path(__file__).parents[3] / "deploy"
VERSIONS = ("1.30", "1.37")
"""Versions of Kubernetes whose schemas the manifests are validated by."""

NOT_VALIDATED = {
    "adapter-rule.yaml": "values of a Helm chart",
    "kustomization.yaml": "read by kubectl alone",
    "pod-monitor.yaml": "a resource of Prometheus Operator, of which no schema is at hand",
}


def main() -> int:
    """Validate every manifest, and print by which schema; return the exit code."""
    for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        if path.name in NOT_VALIDATED:
            print(f"{path.name}: not validated, {NOT_VALIDATED[path.name]}")
            continue
        for version in VERSIONS:
            kubernetes_validate.validate(read(path), version, strict=True)
            print(f"{path.name}: valid in Kubernetes {version}")
    path = DEPLOY / "kserve" / "inference-service.yaml"
    given = read(path)
    # Neither a key that KServe does not know nor a wrong type comes back as it was.
    kept = through(given, kserve.V1beta1InferenceService)
    assert kept == given, f"KServe keeps {kept}"
    print(f"{path.name}: valid as {kserve.V1beta1InferenceService.__name__}")
    return 0


def read(path: Path) -> Any:
    """Read the document of a manifest."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def through(document: Any, model: type) -> Any:
    """Return a document after it went through a model of KServe."""
    # The client of Kubernetes looks the types of fields up among its own models, by name.
    for name in dir(kserve):
        if name.startswith("V1"):
            setattr(kubernetes.client.models, name, getattr(kserve, name))
    client = kubernetes.client.ApiClient()
    parsed = client.deserialize(SimpleNamespace(data=json.dumps(document)), model)
    return client.sanitize_for_serialization(parsed)


if __name__ == "__main__":
    sys.exit(main())
