"""Fuzzer of JSON bodies: depth, numbers, duplicate keys, surrogates and values of other types."""

import json
from collections.abc import Iterator
from random import Random

from tests.fuzz.exchange import Request, request
from tests.fuzz.mutation import MARK, mutated

TARGETS = (
    "/cnn/predict",
    "/cnn/activations",
    "/cnn/intervene",
    "/cnn/sweep",
    "/lstm/predict",
    "/lstm/gates",
    "/lstm/intervene",
    "/lstm/patching",
    "/lstm/gates.jsonl",
)
KEYS = (
    *("pixels", "image", "values", "sequence", "inputs", "layer", "layers", "edits", "units"),
    *("initial_state", "source", "clean", "corrupted", "channel", "step", "scale", "value", "qq"),
)
LITERALS = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0", "0.1", "01", "+1", "0x10"),
    *("9" * 20, "9" * 400, "9" * 5_000, "1" + "0" * 4_000, "null", "true", "tru", "", "[]", "{}"),
    *(
        '"\\ud800"',
        '"\\udfff\\ud800"',
        '"\\u0000"',
        '"\ud800"',
        f'"{MARK}"',
        '"10110"',
        '"1' + '0"',
    ),
    *("[" * 100_000, "[" * 600 + "]" * 600, '{"a":' * 3_000, "[1,]", "[[0]]", "[0,1,1]", "'x'"),
    *('"data:image/png;base64,AAAA"', '"iVBORw0KGgo="', "[1.5]", "[256]", "[-1]", "// x\n1"),
)
DEEPEST = 3

PREFIXES = (
    b"",
    b"",
    b"",
    b"",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xfe\xff",
    b" \n\t",
    b"\0",
    b"\x1f\x8b",
)
MEDIA = ("application/json",) * 6 + (
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "text/json",
    "application/x-www-form-urlencoded",
    "",
)


def requests(random: Random) -> Iterator[Request]:
    """Yield requests with hostile JSON, without end."""
    while True:
        body = random.choice(PREFIXES) + document(random)
        if random.random() < 0.3:
            body = mutated(random, body)
        yield request("POST", random.choice(TARGETS), body, random.choice(MEDIA))


def document(random: Random, depth: int = 0) -> bytes:
    """Return an object with keys of the server's bodies and values of any kind."""
    pairs = [
        (random.choice(KEYS), _value(random, depth)) for _ in range(random.choice((0, 1, 1, 2, 4)))
    ]
    if pairs and random.random() < 0.2:
        pairs.append((pairs[0][0], _value(random, depth)))
    text = ",".join(f"{json.dumps(key)}:{value}" for key, value in pairs)
    text = "{" + text + "}" if random.random() < 0.95 else _value(random, depth)
    return text.encode("utf-8", "surrogatepass")


def _value(random: Random, depth: int) -> str:
    drawn = random.random() * (1 if depth < DEEPEST else 0.75)
    if drawn < 0.45:
        return random.choice(LITERALS)
    if drawn < 0.6:
        rows, columns = random.choice(((28, 28), (28, 27), (1, 1), (0, 0), (64, 65), (300, 3)))
        value = random.choice(("0", "255", "256", "-1", "0.5", '"0"', "null", "NaN"))
        return "[" + ",".join(["[" + ",".join([value] * columns) + "]"] * rows) + "]"
    if drawn < 0.75:
        return json.dumps("".join(random.choices("01", k=random.choice((1, 9, 300, 4_096, 4_097)))))
    if drawn < 0.9:
        return (
            "["
            + ",".join(_value(random, depth + 1) for _ in range(random.choice((1, 2, 3, 65))))
            + "]"
        )
    return document(random, depth + 1).decode("utf-8", "surrogatepass")
