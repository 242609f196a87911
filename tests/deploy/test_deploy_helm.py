"""The chart, rendered by Helm itself: valid objects, hardened pods, settings that exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from built import DEPLOY, config_problems

helm = pytest.importorskip(
    "helm_python", reason="helm-python-sdk is not installed: the chart is not rendered"
)

CHART = DEPLOY / "helm" / "elstrada"
LEAST: dict[str, Any] = {"publicUrl": "https://charging.example.org"}
MOST: dict[str, Any] = {
    **LEAST,
    "serviceMonitor": {"enabled": True, "interval": "30s", "labels": {"release": "prometheus"}},
    "settings": {
        "parties": [{"id": "SE*ELS", "roles": ["CPO"], "name": "Nord"}],
        "limits": {"authorize_s": 5},
    },
    "groups": {
        "gateway": {"roles": ["gateway"], "replicas": 3, "resources": {}},
        "money": {"roles": ["rater", "biller"], "replicas": 1, "resources": {}},
        "rest": None,
        "web": {"roles": ["roamer", "pages"], "replicas": 2, "resources": {}},
    },
    "networkPolicy": {
        "httpFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "databaseTo": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
    },
    "stations": {
        "service": {"type": "ClusterIP", "port": 9000},
        "tls": {"secret": "stations-tls", "clientCertificates": True, "port": 443},
    },
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "stations", "operator": "Exists"}],
    "podAnnotations": {"owner": "charging"},
    "imagePullSecrets": [{"name": "registry"}],
}
FILES = MOST | {
    "files": {
        "claim": "station-files",
        "publicUrl": "https://files.example.org",
        "tls": True,
        "service": {"type": "LoadBalancer", "port": 443},
    }
}


def _render(values: dict[str, Any]) -> list[dict[str, Any]]:
    with helm.Chart.load(str(CHART)) as chart:
        chart.validate_schema(values)
        texts = chart.render(values, name="demo", namespace="prod")
    files = [text for name, text in texts.items() if not name.endswith((".txt", ".tpl"))]
    return [one for text in files for one in yaml.safe_load_all(text) if one]


def _of(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in objects if one["kind"] == kind]


def _pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one["spec"]["template"] for one in objects if one["kind"] in ("Deployment", "Job")]


def test_the_linter_finds_nothing() -> None:
    findings = helm.lint(str(CHART))
    assert not [
        one for one in getattr(findings, "messages", findings) if "ERROR" in str(one) or "WARNING" in str(one)
    ]


@pytest.mark.parametrize("values", [LEAST, MOST, FILES], ids=["least", "most", "files"])
@pytest.mark.parametrize("version", ["1.25", "1.29", "1.33"])
def test_kubernetes_would_take_every_object(values: dict[str, Any], version: str) -> None:
    kubernetes = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    objects = _render(values)
    assert len(objects) > 8
    for one in objects:
        if one["kind"] != "ServiceMonitor":
            kubernetes.validate(one, version, strict=True)


@pytest.mark.parametrize("values", [LEAST, MOST], ids=["least", "most"])
def test_pods_may_do_nothing_that_they_need_not(values: dict[str, Any]) -> None:
    """The restricted profile of Kubernetes' pod security standards, and a read-only root."""
    for pod in _pods(_render(values)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert {mount["name"] for mount in container["volumeMounts"]} <= {
                one["name"] for one in spec["volumes"]
            }
            written = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
            assert written == ["/var/lib/elstrada", "/tmp"]
            assert "command" not in container, "the image's own entry point"


def test_a_node_is_watched_on_its_health_port_and_has_time_to_drain() -> None:
    values = MOST | {
        "drain": {
            "lameDuckSeconds": 15,
            "stationsPerSecond": 100,
            "stopSeconds": 10,
            "stationsPerGateway": 5000,
        }
    }
    for deployment in _of(_render(values), "Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        assert spec["terminationGracePeriodSeconds"] >= 15 + 5000 / 100 + 2 * 10 + 20
        [container] = spec["containers"]
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        assert ports["health"] == 8001
        for probe, path in (
            ("startupProbe", "/livez"),
            ("livenessProbe", "/livez"),
            ("readinessProbe", "/readyz"),
        ):
            assert container[probe]["httpGet"] == {"path": path, "port": "health"}
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_every_role_is_somebodys_and_services_find_those_who_have_it() -> None:
    objects = _render(MOST)
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in _of(objects, "Deployment")]
    for service, role in (("demo-stations", "gateway"), ("demo-ocpi", "roamer"), ("demo-pages", "pages")):
        [found] = [one for one in _of(objects, "Service") if one["metadata"]["name"] == service]
        selector = found["spec"]["selector"]
        meant = [one for one in labels if selector.items() <= one.items()]
        assert len(meant) == 1
        assert meant[0][f"role.elstrada/{role}"] == "true"
        target = found["spec"]["ports"][0]["targetPort"]
        [deployment] = [
            one
            for one in _of(objects, "Deployment")
            if one["spec"]["template"]["metadata"]["labels"] == meant[0]
        ]
        assert target in {
            port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
        }
    for budget in _of(objects, "PodDisruptionBudget"):
        assert budget["spec"]["maxUnavailable"] == 1
        assert any(budget["spec"]["selector"]["matchLabels"].items() <= one.items() for one in labels)
    [policy] = _of(objects, "NetworkPolicy")
    assert all(policy["spec"]["podSelector"]["matchLabels"].items() <= one.items() for one in labels)


def test_a_secret_with_a_certificate_opens_a_door_with_tls_and_only_gateways_see_it() -> None:
    objects = _render(MOST)
    [config] = _of(objects, "ConfigMap")
    settings = tomllib.loads(config["data"]["elstrada.toml"])["stations"]["tls"]
    assert settings == {
        "certificate": "/run/secrets/stations/tls.crt",
        "key": "/run/secrets/stations/tls.key",
        "client_ca": "/run/secrets/stations/ca.crt",
    }
    for deployment in _of(objects, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        [container] = pod["containers"]
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}.get("stations-tls")
        secrets = [one["secret"]["secretName"] for one in pod["volumes"] if "secret" in one]
        is_gateway = "gateway" in container["args"][2]
        assert mounted == ("/run/secrets/stations" if is_gateway else None)
        assert ("stations-tls" in secrets) is is_gateway
    [service] = [one for one in _of(objects, "Service") if one["metadata"]["name"] == "demo-stations"]
    assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [
        (9000, "stations"),
        (443, "stations-tls"),
    ]
    assert "stations-tls" not in yaml.safe_dump(_render(LEAST))


def test_a_claim_opens_a_door_for_files_at_the_nodes_with_pages_and_nowhere_else() -> None:
    objects = _render(FILES)
    [config] = _of(objects, "ConfigMap")
    assert tomllib.loads(config["data"]["elstrada.toml"])["files"] == {
        "port": 8002,
        "public_url": "https://files.example.org",
        "tls": True,
        "dir": "/var/lib/elstrada-files/files",
        "shared": True,
    }
    for deployment in _of(objects, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        [container] = pod["containers"]
        has_pages = "pages" in container["args"][2]
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert mounted.get("files") == ("/var/lib/elstrada-files" if has_pages else None)
        assert ("stations-tls" in mounted) is (has_pages or "gateway" in container["args"][2])
        assert ("files" in {port["name"] for port in container["ports"]}) is has_pages
    [service] = [one for one in _of(objects, "Service") if one["metadata"]["name"] == "demo-files"]
    assert service["spec"]["selector"]["role.elstrada/pages"] == "true"
    assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [(443, "files")]
    [policy] = _of(objects, "NetworkPolicy")
    assert {"port": "files", "protocol": "TCP"} in policy["spec"]["ingress"][0]["ports"]
    assert "demo-files" not in yaml.safe_dump(_render(MOST))


def test_migration_comes_before_the_nodes_and_needs_nothing_of_the_chart() -> None:
    [job] = _of(_render(LEAST), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert job["spec"]["template"]["spec"]["containers"][0]["args"] == ["db", "migrate"]
    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert not [one for one in volumes if "configMap" in one], "it would not be there yet"
    selector = {"app.kubernetes.io/name": "elstrada", "app.kubernetes.io/instance": "demo"}
    assert not selector.items() <= job["spec"]["template"]["metadata"]["labels"].items(), (
        "no service may send it stations"
    )


@pytest.mark.parametrize("values", [LEAST, MOST, FILES], ids=["least", "most", "files"])
def test_every_pods_settings_are_ones_that_elstrada_knows(values: dict[str, Any], tmp_path: Path) -> None:
    objects = _render(values)
    [config] = _of(objects, "ConfigMap")
    (tmp_path / "elstrada.toml").write_text(config["data"]["elstrada.toml"])
    (tmp_path / "database_url").write_text("postgresql://elstrada:p@postgres/elstrada")
    (tmp_path / "nats_url").write_text("nats://u:p@nats:4222")
    for pod in _pods(objects):
        [container] = pod["spec"]["containers"]
        environment = {
            one["name"]: re.sub(r"^/(etc|run/secrets)/elstrada", str(tmp_path), one.get("value", "pod-1"))
            for one in container["env"]
        }
        if "serve" in container["args"]:
            assert container["args"][:2] == ["serve", "--roles"]
            environment["ELSTRADA_ROLES"] = container["args"][2]
            assert environment["ELSTRADA_CONFIG"] == str(tmp_path / "elstrada.toml")
        assert config_problems(environment) == ""


def test_no_secret_is_in_the_chart() -> None:
    assert _of(_render(MOST), "Secret") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"publicUrl": "charging.example.org"},
        LEAST | {"replicas": 3},
        LEAST | {"groups": {"gateway": {"roles": ["driver"], "replicas": 1, "resources": {}}}},
        LEAST | {"groups": {"Gateway": {"roles": ["gateway"], "replicas": 1, "resources": {}}}},
        LEAST | {"drain": {"lameDuckSeconds": "long"}},
        LEAST
        | {"files": {"claim": "files", "publicUrl": "", "service": {"type": "ClusterIP", "port": 8002}}},
    ],
    ids=[
        "no publicUrl",
        "no scheme",
        "unknown value",
        "unknown role",
        "no name",
        "no number",
        "files nobody can reach",
    ],
)
def test_values_that_cannot_be_meant_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(helm.HelmError):
        _render(wrong)
