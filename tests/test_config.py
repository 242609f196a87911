"""Configuration: precedence, origins, redaction, and sentences for what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elstrada.config import ConfigInvalid, Origin, default_data_dir, known_keys, load
from elstrada.model.waits import Waits

SECRET = "s" * 40


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("ELSTRADA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def origin(key: str, **kwargs: object) -> Origin:
    found = load(**kwargs)  # type: ignore[arg-type]
    return next(setting for setting in found.settings if setting.key == key)


def problems(**kwargs: object) -> list[str]:
    with pytest.raises(ConfigInvalid) as found:
        load(**kwargs)  # type: ignore[arg-type]
    return found.value.problems


def test_nothing_has_to_be_configured() -> None:
    found = load()
    assert {setting.origin for setting in found.settings} == {"default"}
    assert found.config.data_dir == default_data_dir()


def test_the_data_directory_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/srv/data")
    assert load().config.data_dir == Path("/srv/data/elstrada")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/invalid")
    assert load().config.data_dir == Path.home() / ".local/share/elstrada"


def test_each_source_goes_before_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    key = "http.port"
    assert origin(key) == Origin(key, 8000, "default")
    (tmp_path / "elstrada.toml").write_text("[http]\nport = 8001\n")
    assert origin(key) == Origin(key, 8001, "elstrada.toml")
    (tmp_path / "port").write_text("8002\n")
    monkeypatch.setenv("ELSTRADA_HTTP__PORT_FILE", str(tmp_path / "port"))
    assert origin(key) == Origin(key, 8002, "a secret file")
    monkeypatch.setenv("ELSTRADA_HTTP__PORT", "8003")
    assert origin(key) == Origin(key, 8003, "the environment")
    assert origin(key, overrides={key: "8004"}) == Origin(key, 8004, "the command line")


def test_the_environment_may_name_the_file_which_must_then_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text("[http]\nport = 8009\n")
    monkeypatch.setenv("ELSTRADA_CONFIG", str(other))
    assert origin("http.port") == Origin("http.port", 8009, str(other))
    (tmp_path / "given.toml").write_text("[http]\nport = 8010\n")
    assert load(file=tmp_path / "given.toml").config.http.port == 8010
    monkeypatch.setenv("ELSTRADA_CONFIG", str(tmp_path / "none.toml"))
    assert "none.toml cannot be read" in problems()[0]
    monkeypatch.setenv("ELSTRADA_CONFIG", "")
    assert load().config.http.port == 8000


def test_a_setting_that_ends_in_file_is_set_by_its_whole_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ELSTRADA_KEYS_FILE", "/run/secrets/keys")
    assert origin("keys_file") == Origin("keys_file", "/run/secrets/keys", "the environment")
    assert load().config.keys_path == Path("/run/secrets/keys")
    monkeypatch.delenv("ELSTRADA_KEYS_FILE")
    (tmp_path / "where").write_text("/mnt/keys.json\n")
    monkeypatch.setenv("ELSTRADA_KEYS_FILE_FILE", str(tmp_path / "where"))
    assert origin("keys_file") == Origin("keys_file", "/mnt/keys.json", "a secret file")


@pytest.mark.parametrize("key", known_keys())
def test_every_setting_can_be_named_in_the_environment(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Nothing but the value may be complained of: the name is known, and is no file to be read."""
    monkeypatch.setenv(f"ELSTRADA_{key.upper().replace('.', '__')}", "?")
    try:
        told = [setting.origin for setting in load().settings if setting.key == key]
    except ConfigInvalid as refused:
        told = refused.problems
    assert told
    assert not [text for text in told if "is no setting" in text or "cannot be read" in text]
    assert told == ["the environment"] or any(key.split(".")[0] in text for text in told)


def test_the_waits_are_those_of_the_limits_and_have_the_same_defaults() -> None:
    assert load().config.waits == Waits()
    limits = {
        "limits.authorize_s": "3",
        "limits.command_s": "4",
        "limits.peer_s": "5",
        "limits.silence_s": "60",
    }
    assert load(limits).config.waits == Waits(authorize_s=3, command_s=4, peer_s=5, silence_s=60)
    assert "limits.command_s" in problems(overrides={"limits.command_s": "301"})[0]


def test_sources_meet_inside_a_section(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "elstrada.toml").write_text('[http]\nhost = "::1"\nport = 8001\n')
    monkeypatch.setenv("ELSTRADA_HTTP__PORT", "8003")
    found = load().config.http
    assert (found.host, found.port) == ("::1", 8003)


def test_a_secret_comes_from_a_mounted_file_and_is_never_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(SECRET + "\n")
    monkeypatch.setenv("ELSTRADA_DESK__SECRET_FILE", str(tmp_path / "secret"))
    found = load()
    assert found.config.desk.secret is not None
    assert found.config.desk.secret.get_secret_value() == SECRET
    assert SECRET not in f"{found!r}{found.settings}{found.config}"


def test_parties_are_tables_in_the_file_and_json_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "elstrada.toml").write_text(
        '[[parties]]\nid = "se-els"\nroles = ["CPO"]\nname = "Elstrada Nord"\ncurrency = "SEK"\n'
    )
    (section,) = load().config.parties
    assert (str(section.party().id), section.party().currency) == ("SE*ELS", "SEK")
    monkeypatch.setenv("ELSTRADA_PARTIES", '[{"id": "SERET", "roles": ["EMSP"], "name": "Retail"}]')
    (section,) = load().config.parties
    assert str(section.party().id) == "SE*RET"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("ELSTRADA_HTTP__PROT", "1", "http.prot in the environment is no setting; did you mean http.port?"),
        (
            "ELSTRADA_HTPP__PORT",
            "1",
            "htpp.port in the environment is no setting; did you mean http.port?",
        ),
        ("ELSTRADA_PORT", "1", "did you mean"),
        ("ELSTRADA_HTTP__PORT", "abc", "http.port in the environment: input should be a valid integer"),
        ("ELSTRADA_HTTP__PORT", "70000", "less than or equal to 65535"),
        ("ELSTRADA_LIMITS__PEER_S", "0", "greater than or equal to 1"),
        ("ELSTRADA_PUBLIC_URL", "ftp://x", "public_url in the environment"),
        ("ELSTRADA_OUTBOUND__NETWORKS", '["10.0.0.0/8", "x"]', "outbound.networks.1 in the environment"),
        ("ELSTRADA_PARTIES", "[{", "written as JSON"),
        (
            "ELSTRADA_PARTIES",
            '[{"id": "x", "roles": ["CPO"], "name": "x"}]',
            "parties.0.id in the environment: not a party id: 'x'",
        ),
        ("ELSTRADA_DESK__SECRET_FILE", "/no/such/file", "which cannot be read"),
        ("ELSTRADA_LOG__LEVEL", "loud", "log.level in the environment"),
    ],
)
def test_a_wrong_variable_is_told_by_name_and_place(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    assert any(says in problem for problem in problems())


def test_a_secret_that_is_too_short_is_refused_unseen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSTRADA_DESK__SECRET", "hunter2hunter2")
    assert "hunter2" not in str(problems())


def test_wrong_settings_of_the_file_and_the_command_line_are_told(tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[limits]\nauthorize = 3\n")
    assert problems(file=file) == [
        f"limits.authorize in {file} is no setting; did you mean limits.authorize_s?"
    ]
    file.write_text("[limits\n")
    assert "cannot be read as TOML" in problems(file=file)[0]
    assert "cannot be read as TOML" in problems(file=tmp_path / "missing.toml")[0]
    assert "did you mean stations.port" in problems(overrides={"station.port": "1"})[0]


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSTRADA_HTTP__PORT", "abc")
    monkeypatch.setenv("ELSTRADA_STATIONS__HOTS", "x")
    assert len(problems(overrides={"nonsense": "1"})) == 3


PG, NATS = "postgresql://elstrada:hunter2@db/elstrada", "nats://elstrada:hunter2@nats:4222"


@pytest.mark.parametrize("text", ["gateway,pages", " pages , gateway, pages", '["gateway"]'])
def test_roles_are_names_with_commas(text: str) -> None:
    if text.startswith("["):
        assert "is no role" in problems(overrides={"roles": text})[0]
        return
    assert load({"roles": text}).config.parts == {"gateway", "pages"}


def test_roles_may_be_a_list_in_the_file(tmp_path: Path) -> None:
    (tmp_path / "elstrada.toml").write_text('roles = ["rater", "biller"]')
    assert load().config.parts == {"rater", "biller"}


def test_a_role_that_is_none_is_refused_with_the_nearest() -> None:
    assert problems(overrides={"roles": "romer"}) == [
        "roles in the command line: 'romer' is no role; did you mean roamer?"
    ]
    assert "there are: gateway, roamer, rater, biller, pages" in problems(overrides={"roles": "x"})[0]
    assert problems(overrides={"roles": ""})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"nats.url": NATS}, "nats.url is set and database.url is not"),
        ({"database.url": PG, "roles": "gateway"}, "set nats.url"),
        ({"database.url": PG, "nats.url": NATS, "roles": "pages"}, "set public_url"),
        ({"database.url": "mysql://x:hunter2@db/x"}, "postgresql://"),
        ({"nats.url": "amqp://x:hunter2@n", "database.url": PG}, "nats:// or tls://"),
        ({"node": "a/b"}, "letters, digits"),
        ({"nats.prefix": "a.b", "nats.url": NATS, "database.url": PG}, "nats.prefix"),
    ],
)
def test_settings_that_cannot_be_together_are_said_without_their_secrets(
    settings: dict[str, str], says: str
) -> None:
    told = "\n".join(problems(overrides=settings))
    assert says in told
    assert "hunter2" not in told


def test_passwords_in_addresses_are_hidden_wherever_a_configuration_is_shown() -> None:
    """T15."""
    found = load({"database.url": PG, "nats.url": f"{NATS},nats://t0ken@n2"})
    shown = {setting.key: setting.value for setting in found.settings}
    assert shown["database.url"] == "postgresql://elstrada:***@db/elstrada"
    assert shown["nats.url"] == "nats://elstrada:***@nats:4222,nats://***@n2"
    assert "hunter2" not in f"{found}{found.config!r}"
    assert "t0ken" not in f"{found}{found.config!r}"


def test_one_process_on_sqlite_may_leave_roles_out() -> None:
    assert load({"roles": "gateway"}).config.parts == {"gateway"}


TLS = {"stations.tls.certificate": "rsa.pem, ec.pem", "stations.tls.key": "rsa.key,ec.key"}


def test_certificate_files_are_names_with_commas_or_a_list(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pairs = (Path("rsa.pem"), Path("ec.pem")), (Path("rsa.key"), Path("ec.key"))
    found = load(TLS).config.stations.tls
    assert (found.certificate, found.key, found.port) == (*pairs, 9443)
    monkeypatch.setenv("ELSTRADA_STATIONS__TLS__CLIENT_CA", "/etc/elstrada/ca.pem")
    assert load(TLS).config.stations.tls.client_ca == (Path("/etc/elstrada/ca.pem"),)
    (tmp_path / "elstrada.toml").write_text(
        '[stations.tls]\ncertificate = ["rsa.pem", "ec.pem"]\nkey = ["rsa.key", "ec.key"]\n'
    )
    found = load().config.stations.tls
    assert (found.certificate, found.key) == pairs


CLIENTS = {**TLS, "stations.tls.client_ca": "ca.pem"}
EST = "https://pki.example/.well-known/est/stations"


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({**TLS, "stations.tls.key": "rsa.key"}, "each certificate has its key"),
        ({"stations.tls.client_ca": "ca.pem"}, "so there is no TLS"),
        ({"stations.tls.without_secrecy": "true"}, "so there is no TLS"),
        ({**TLS, "stations.tls.organization": "Els"}, "so no station shows a certificate"),
        ({"stations.plain": "false"}, "so no station could connect"),
        ({**TLS, "stations.plain": "false", "stations.tls_in_front": "true"}, "the proxy could not connect"),
        ({**TLS, "stations.authority.folder": "ca"}, "what it signs would open no door"),
        (
            {**CLIENTS, "stations.authority.folder": "ca", "stations.authority.est": EST},
            "one of them signs, so name one",
        ),
        ({**CLIENTS, "stations.authority.est": EST, "stations.authority.est_user": "u"}, "belong together"),
        ({**CLIENTS, "stations.authority.est": "https://pki.example/est"}, "stations.authority.est"),
        ({"stations.v2g_authority.folder": "v2g", "stations.v2g_authority.est": EST}, "name one"),
        (
            {
                "stations.v2g_authority.est": EST,
                "stations.v2g_authority.est_user": "u",
                "stations.v2g_authority.est_password": "p",
                "stations.v2g_authority.est_token": "t",
            },
            "a user and a token",
        ),
        ({**CLIENTS, "stations.v2g_authority.combined": "true"}, "needs an authority beside it"),
        (
            {"stations.v2g_authority.folder": "v2g", "stations.v2g_authority.combined": "true"},
            "its root in stations.tls.client_ca",
        ),
        (
            {"stations.plug_and_charge.pool": "https://p", "stations.plug_and_charge.pool_folder": "p"},
            "one of them has the contracts",
        ),
        ({"stations.plug_and_charge.pool_headers": '{"a": "b"}'}, "nobody is sent them"),
        (
            {"stations.message_signing.key": "k.pem"},
            "stations.message_signing has one of key and certificate",
        ),
        ({"stations.message_signing.certificate": "c.pem"}, "name both, or none"),
        ({"stations.plug_and_charge.unverified": "maybe"}, "stations.plug_and_charge.unverified"),
        (
            {"stations.plug_and_charge.responders": "http://ocsp.example/"},
            "stations.plug_and_charge.responders",
        ),
        ({"stations.vat.service": "https://u:hunter2@vies.example"}, "stations.vat.service"),
        ({"stations.vat.requester": "US123456789"}, "a country of the EU"),
        ({"web_payments.provider": "somebody"}, "web_payments.provider"),
        ({"web_payments.amount": "0"}, "web_payments.amount"),
        ({**CLIENTS, "stations.authority.est": "https://u:hunter2@pki.example/.well-known/est"}, "est"),
    ],
)
def test_doors_that_lead_nowhere_are_refused(settings: dict[str, str], says: str) -> None:
    (told,) = problems(overrides=settings)
    assert says in told
    assert "hunter2" not in told
