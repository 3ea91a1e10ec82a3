"""Bad input, wrong versions and people who do not belong: each gets a clear problem document."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from feedback_store.events import Scope
from feedback_store.store import Store
from server.app import create_app
from server.auth import KeyRing
from server.middleware import SafeHeaders
from server.prompts.profiles import profile_for
from tests.server.samples import feedback, suggestion
from tests.server.serving import StandIn, gateway, serve, settings_for, stand_in


@pytest.fixture(scope="module")
def engine() -> Iterator[StandIn]:
    """One stand-in for all: these tests leave nothing behind that another would see."""
    with stand_in() as running:
        yield running


@pytest.fixture(scope="module")
def client(engine: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """One gateway for all."""
    with gateway(settings_for(tmp_path_factory.mktemp("data"), engine.url)) as running:
        yield running


def problem(answer: httpx.Response, status: int) -> str:
    """Check that an answer is a problem document; return what it says to do."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["title"]
    return str(body["detail"])


@pytest.mark.parametrize("path", ["/v1/suggest", "/v1/feedback", "/v1/rollouts"])
@pytest.mark.parametrize(("version", "side"), [(2, "update the gateway"), (0, "update the client")])
def test_an_unknown_wire_version_says_which_side_to_update(
    client: httpx.Client, path: str, version: int, side: str
) -> None:
    # With fields that this release has never heard of, as a later client would send.
    answer = client.post(path, json={"wire": version, "novelty": 1})
    assert side in problem(answer, 426)


def test_a_known_shape_with_an_unknown_version_is_refused_too(client: httpx.Client) -> None:
    for path, body in (("/v1/suggest", suggestion(wire=2)), ("/v1/feedback", feedback())):
        assert "update the gateway" in problem(client.post(path, json=body | {"wire": 2}), 426)


def test_unknown_fields_are_refused_by_name(client: httpx.Client) -> None:
    assert "colour" in problem(client.post("/v1/suggest", json=suggestion(colour="red")), 422)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"nonsense", b'{"wire": 1', b"null", b"[]"]
)
def test_a_body_that_is_not_the_json_asked_for(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/v1/suggest", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    problem(answer, answer.status_code)


@pytest.mark.parametrize(
    "change",
    [
        {"client_time": float("nan")},
        {"deadline_ms": float("inf")},
        {"deadline_ms": -1},
        {"document_version": "three"},
        {"context": None},
        {"session": "\ud800"},
        {"prefix": "\udfff"},
    ],
)
def test_wrong_values_are_refused_without_repeating_them(
    client: httpx.Client, change: dict[str, Any]
) -> None:
    body = json.dumps(suggestion(**change)).encode()
    answer = client.post("/v1/suggest", content=body, headers={"content-type": "application/json"})
    assert "breadth" not in problem(answer, 422)


def test_surrogate_pairs_and_carriage_returns_pass_through_whole(
    client: httpx.Client, engine: StandIn
) -> None:
    region = "x = '\U0001f600 \u00e9'\r\n"
    client.post("/v1/suggest", json=suggestion(region=region)).raise_for_status()
    assert region in engine.completions()[-1]["completion"]["prompt"]


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_of_ten_megabytes_is_refused(client: httpx.Client, announced: bool) -> None:
    body = json.dumps(suggestion(prefix="x" * 10_000_000)).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    content = body if announced else pieces()
    try:
        answer = client.post(
            "/v1/suggest", content=content, headers={"content-type": "application/json"}
        )
    except httpx.WriteError:
        # The refusal came, and the connection was closed, while the rest was still being sent.
        assert announced
    else:
        assert "listen.max_body_bytes" in problem(answer, 413)
    assert client.get("/v1/hello").status_code == httpx.codes.OK


def test_a_huge_document_within_the_limit_is_trimmed_or_silent(
    client: httpx.Client, engine: StandIn
) -> None:
    lines = "value = compute(value)\n" * 40_000
    client.post("/v1/suggest", json=suggestion(prefix=lines, suffix=lines)).raise_for_status()
    assert len(engine.completions()[-1]["completion"]["prompt"]) < 10_000
    answer = client.post("/v1/suggest", json=suggestion(region=lines)).json()
    assert (answer["outcome"], answer["reason"]) == ("withheld", "prompt_too_long")


def test_unknown_routes_and_methods_are_problem_documents(client: httpx.Client) -> None:
    problem(client.get("/v1/nothing"), 404)
    problem(client.get("/v1/suggest"), 405)
    problem(client.post("/v1/load_lora_adapter", json={}), 404)


def test_every_answer_carries_a_request_id(client: httpx.Client) -> None:
    sent = client.get("/livez", headers={"X-Request-Id": "abc-1"})
    assert sent.headers["x-request-id"] == "abc-1"
    forged = client.get("/livez", headers={"X-Request-Id": "a b\tc"})
    assert len(forged.headers["x-request-id"]) == 32


def test_a_page_of_another_site_is_refused(client: httpx.Client) -> None:
    rebound = client.get("/v1/status", headers={"Host": "evil.example"})
    assert "listen.allowed_hosts" in problem(rebound, 421)
    foreign = client.post("/v1/rollback", headers={"Origin": "https://evil.example"})
    assert "other sites" in problem(foreign, 403)
    own = client.get("/v1/status", headers={"Origin": str(client.base_url)})
    assert own.status_code == httpx.codes.OK


def test_with_keys_every_route_but_health_and_the_sign_in_needs_one(
    engine: StandIn, tmp_path: Path
) -> None:
    keys = KeyRing(tmp_path)

    def header(user: str, *scopes: Scope) -> dict[str, str]:
        return {"Authorization": f"Bearer {keys.create(user, 'team', scopes)}"}

    ask, train = header("ada", Scope.SUGGEST), header("trainer", Scope.TRAIN)
    admin, watch = header("root", Scope.ADMIN), header("prometheus", Scope.OBSERVE)
    with gateway(settings_for(tmp_path, engine.url)) as client:
        for path in ("/v1/hello", "/v1/status", "/metrics", "/v1/policies", "/v1/models"):
            answer = client.get(path)
            assert "Authorization" in problem(answer, 401)
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/livez", "/readyz", "/login"):
            assert client.get(path).status_code == httpx.codes.OK
        assert client.get("/").headers["location"] == "/login"
        assert client.get("/v1/hello", headers=ask).status_code == httpx.codes.OK
        assert "train" in problem(client.get("/v1/policies", headers=ask), 403)
        assert client.get("/v1/policies", headers=train).status_code == httpx.codes.OK
        for other in (ask, train):
            refused = client.post("/v1/feedback", json=feedback(), headers=other)
            assert "feedback" in problem(refused, 403)
            assert "admin" in problem(client.post("/v1/rollback", headers=other), 403)
        problem(client.post("/v1/rollback", headers=admin), 409)
        for path in ("/metrics", "/v1/status"):
            assert client.get(path, headers=watch).status_code == httpx.codes.OK
        for path in ("/v1/hello", "/v1/policies", "/v1/routing", "/v1/store/stats"):
            problem(client.get(path, headers=watch), 403)
        keys.revoke(keys.records()[0].id)
        problem(client.get("/v1/hello", headers=ask), 401)


def test_an_unforeseen_error_is_answered_like_any_other(engine: StandIn, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "data", engine.url)
    with Store.open(settings.data.folder, settings.store) as store:
        app = create_app(settings, store)

        @app.get("/broken")
        async def broken() -> None:
            raise LookupError("breadth = shape.width")

        with serve(app) as url:
            answer = httpx.get(f"{url}/broken", headers={"X-Request-Id": "abc-2"})
    assert "LookupError" in problem(answer, 500)
    assert "breadth" not in answer.text
    assert answer.headers["x-request-id"] == "abc-2"
    for name, value in SafeHeaders.HEADERS.items():
        assert answer.headers[name] == value


def test_every_answer_tells_browsers_to_keep_to_themselves(client: httpx.Client) -> None:
    for path in ("/livez", "/v1/status", "/v1/nothing", "/login", "/"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_hello_tells_what_the_client_must_know(client: httpx.Client) -> None:
    hello = client.get("/v1/hello").json()
    assert hello["wire_versions"] == [1]
    assert hello["policy_version"] is None
    profile = profile_for("hone-tiny")
    assert (hello["base_model"], hello["region_lines"]) == (profile.name, profile.region_lines)
    assert (hello["excerpts"], hello["diagnostics"]) == (0, 0)


def test_metrics_count_by_policy_and_hold_no_code(client: httpx.Client) -> None:
    client.post("/v1/suggest", json=suggestion()).raise_for_status()
    text = client.get("/metrics").text
    assert 'hone_suggestions_total{outcome="withheld",policy="hone-tiny",reason="no_edit"}' in text
    assert re.search(r'hone_replica_up\{replica="http://127.0.0.1:\d+"\} 1.0', text)
    assert 'hone_policy{as="live",policy="hone-tiny"} 1.0' in text
    assert "breadth" not in text


def test_the_page_asks_no_other_host(client: httpx.Client) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    parts = re.findall(r'(?:href|src)="(page/[^"]+)"', page.text)
    assert {"page/style.css", "page/app.js"} <= set(parts)
    texts = [page.text]
    while parts:
        answer = client.get(f"/{parts.pop()}")
        assert answer.status_code == httpx.codes.OK
        texts.append(answer.text)
        parts += [f"page/{name}" for name in re.findall(r'from "./([^"]+)"', answer.text)]
    assert len(texts) > 4
    for text in texts:
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text
    problem(client.get("/page/login.html"), 404)
    problem(client.get("/page/..%2Fapp.py"), 404)
