"""Plan of the comparison: requests of every operation in each format, parameter, form of body."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.compare.bodies import Body, Material, base_body, forms
from scripts.compare.contract import Operation
from scripts.compare.values import SEQUENCE, base_query, paths, queries, wrong
from scripts.compare.wire import Answer, Headers, Request, target

ALLOWED = "https://allowed.example"
"""Origin that the comparison's plan has the setting LIGHTWELL_CORS_ORIGINS allow."""

ORIGINS = (ALLOWED, "http://localhost:3000", "https://other.example", "null")
PAGES = ("/", "/docs", "/redoc", "/favicon.ico", "/openapi.json")
FORMATS = {
    "json": "application/json",
    "png": "image/png",
    "npz": "application/x-npz",
    "safetensors": "application/x-safetensors",
}
ACCEPTS = (
    "*/*",
    "image/*",
    "image/png;q=0.5, application/x-npz",
    "application/json;q=0, */*;q=0.1",
    "text/html, */*;q=0.2",
)


def ask(
    operation: Operation,
    about: str,
    query: Mapping[str, Any],
    body: Body,
    headers: Headers = (),
) -> Request:
    """Plan a request of an operation, on the first path of its template."""
    path = paths(operation)[0]
    name = f"{operation.name} {about}"
    added, content = body
    url = target(path, query)
    return Request(name, operation.method, url, (*added, *headers), content, operation.name)


def base(operation: Operation, material: Material, headers: Headers = ()) -> Request:
    """Plan the plainest request that an operation accepts."""
    body = base_body(operation.stem, operation.bodies, material)
    return ask(operation, "plain", base_query(operation), body, headers)


def accepted(operation: Operation, material: Material) -> Iterator[Request]:
    """Plan the requests that are answered: plain, formats, parameters, forms of body."""
    plain = base(operation, material)
    for path in paths(operation):
        yield Request(
            f"{operation.name} plain {path}",
            operation.method,
            plain.target.replace(paths(operation)[0], path),
            plain.headers,
            plain.body,
            operation.name,
        )
    yield ask(operation, "again", base_query(operation), (plain.headers, plain.body))
    yield from formats(operation, (plain.headers, plain.body), "")
    yield from parameters(operation, (plain.headers, plain.body), material)
    if not operation.is_picture:
        yield from bodies(operation, material)


def formats(operation: Operation, body: Body, about: str) -> Iterator[Request]:
    """Plan a request for each response format: by parameter and by header."""
    if operation.parameter("format") is None:
        return
    query = base_query(operation)
    for name in FORMATS:
        yield ask(operation, f"{about}format={name}", {**query, "format": name}, body)
    if about:
        return
    for media in (*FORMATS.values(), *ACCEPTS):
        yield ask(operation, f"Accept: {media}", query, body, (("Accept", media),))
    both = {**query, "format": "npz"}
    yield ask(operation, "format=npz and Accept", both, body, (("Accept", "image/png"),))


def parameters(operation: Operation, body: Body, material: Material) -> Iterator[Request]:
    """Plan the requests that set each parameter to values other than its default."""
    for one in operation.parameters:
        if one.location != "query" or one.name == "format":
            continue
        found = list(queries(operation, one, material))
        # The path of a picture has the parameters of its operation: one value of each is enough.
        for query in found[:1] if operation.is_picture else found:
            about = "&".join(f"{name}={value[:40]}" for name, value in query.items())
            yield ask(operation, f"{one.name}: {about}", query, body)
            if one.name in {"scale", "cmap", "range"} and not operation.is_picture:
                drawn = {**query, "format": "png"}
                yield ask(operation, f"{one.name}: {about}&format=png", drawn, body)
        if one.is_list and found and not operation.is_picture:
            listed = {**found[-1], one.name: found[-1][one.name].split(",")}
            yield ask(operation, f"{one.name}: repeated list", listed, body)


def bodies(operation: Operation, material: Material) -> Iterator[Request]:
    """Plan a request for each form of body, and several inputs in each format."""
    for name, body in forms(operation.stem, operation.bodies, material):
        about, query = f"body: {name}", base_query(operation)
        yield ask(operation, about, query, body)
        if name in {"inputs", "form of two"}:
            yield from formats(operation, body, f"{about} ")
        if name == "form of two":
            whole = {**query, "encoding": "base64"}
            yield ask(operation, f"{about} encoding=base64", whole, body)


def refused_parameters(operation: Operation, material: Material) -> Iterator[Request]:
    """Plan the requests whose parameters are missing, unknown, wrong or repeated."""
    if operation.method != "GET" and not operation.bodies:
        return
    plain = base(operation, material)
    body, query = (plain.headers, plain.body), base_query(operation)
    yield ask(operation, "unknown parameter", {**query, "nonsense": "1"}, body)
    for one in operation.parameters:
        if one.location != "query":
            continue
        if one.required:
            missing = {name: value for name, value in query.items() if name != one.name}
            yield ask(operation, f"missing {one.name}", missing, body)
        for value in filter(None, (wrong(one), "")):
            yield ask(operation, f"wrong {one.name}", {**query, one.name: value}, body)
        yield ask(operation, f"empty {one.name}", {**query, one.name: ""}, body)
        if not one.is_list and (found := list(queries(operation, one, material))):
            twice = {**found[0], one.name: [found[-1][one.name], found[0][one.name]]}
            yield ask(operation, f"repeated single value: {one.name}", twice, body)


def conditional(request: Request, answer: Answer) -> Iterator[Request]:
    """Plan the requests that follow a GET: HEAD, and those that name its ETag."""

    def follow(about: str, method: str, *headers: tuple[str, str]) -> Request:
        name = f"{request.operation or request.target} {about}"
        return Request(name, method, request.target, headers, b"", request.operation)

    yield follow("HEAD", "HEAD")
    if not (tag := answer.header("etag")):
        return
    for value in (tag, f"W/{tag}", "*", f'"other", {tag}', '"other"'):
        yield follow(f"If-None-Match: {value}", "GET", ("If-None-Match", value))
    yield follow("HEAD If-None-Match", "HEAD", ("If-None-Match", tag))


def cross_origin(operation: Operation, material: Material) -> Iterator[Request]:
    """Plan an operation's plain request from pages of other origins, and its preflight."""
    for origin in ORIGINS:
        one = base(operation, material, (("Origin", origin),))
        name = f"{operation.name} Origin: {origin}"
        yield Request(name, one.method, one.target, one.headers, one.body, operation.name)
        asked: Headers = (
            ("Origin", origin),
            ("Access-Control-Request-Method", operation.method),
            ("Access-Control-Request-Headers", "content-type"),
        )
        name = f"{operation.name} preflight from {origin}"
        yield Request(name, "OPTIONS", one.target, asked)
        private = (*asked, ("Access-Control-Request-Private-Network", "true"))
        yield Request(f"{name}, private network", "OPTIONS", one.target, private)


def pages() -> Iterator[Request]:
    """Plan the requests of pages, and of request ids and origins that belong to no operation."""
    for path in PAGES:
        yield Request(f"page {path}", "GET", path)
        yield Request(f"page {path} HEAD", "HEAD", path)
        yield Request(f"page {path} gzip", "GET", path, (("Accept-Encoding", "gzip"),))
        yield Request(f"page {path} If-None-Match", "GET", path, (("If-None-Match", "*"),))
    own = (("X-Request-ID", "comparison-1"),)
    gates = f"/lstm/gates?sequence={SEQUENCE}"
    yield Request("own request id", "GET", gates, own)
    yield Request("own request id of a problem", "GET", "/nonsense", own)
    yield Request("invalid request id", "GET", gates, (("X-Request-ID", "a b"),))
    refused = (("Origin", "https://other.example"),)
    yield Request("problem to another origin", "GET", "/lstm/gates", refused)
    yield Request("problem to an allowed origin", "GET", "/nonsense", (("Origin", ALLOWED),))
    denied = (("Origin", ALLOWED), ("Access-Control-Request-Method", "DELETE"))
    yield Request("preflight of another method", "OPTIONS", "/lstm/gates", denied)
    own_origin = (("Origin", "http://127.0.0.1"),)
    yield Request("own origin", "GET", gates, own_origin)
