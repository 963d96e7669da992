"""The code of README.md and of every page in docs/ runs as it is written."""

import importlib.util
import json
import re
import shlex
import tomllib
from collections import Counter
from pathlib import Path

import httpx2
import pytest

import scripts.bench.__main__ as bench
from tests.docs.fences import PAGES, RUNNERS, code_of, fences
from tests.servers import ROOT

ELSEWHERE = {
    ("docs/python-client.md", "typescript"): "tests/clients/test_generated.py",
    ("docs/python-client.md", "yaml"): "tests/clients/test_generated.py",
    ("docs/adding-a-probe.md", "python"): "tests/docs/test_tutorial.py",
    ("docs/embedding.md", "javascript"): "tests/page/test_embedding.py",
    ("docs/clients.md", "bash"): "tests/docs/test_clients.py",
    ("docs/clients.md", "python"): "tests/docs/test_clients.py",
    ("docs/clients.md", "javascript"): "tests/docs/test_clients.py",
    ("docs/clients.md", "java"): "tests/docs/test_clients.py",
}
"""Page and language → the test that runs the code in its own way."""

DATA = {"html", "json", "text", "toml"}
"""Languages that no process runs; tests/page/ opens the HTML of the pages in a browser."""

FOLDERS = "api|deploy|docs|examples|lightwell_client|models|probes|scripts|tests"

MOST_NOT_RUN = 29

RUN = sorted(
    {
        (one.page, one.language)
        for one in fences()
        if one.language in RUNNERS and not one.not_run and (one.page, one.language) not in ELSEWHERE
    }
)


@pytest.mark.parametrize(("page", "language"), RUN, ids=[f"{page}-{name}" for page, name in RUN])
def test_code_runs(page: str, language: str, url: str, tmp_path: Path) -> None:
    """All fences of a page in one language run in order and print the text of their comments."""
    RUNNERS[language](code_of(page, language, url), tmp_path)


def test_every_fence_has_a_language_that_a_test_knows() -> None:
    """No fence is without a language, or in one that nothing would run."""
    known = RUNNERS.keys() | DATA
    for one in fences():
        runs = one.language in known or (one.page, one.language) in ELSEWHERE
        assert runs or (one.language and one.not_run), one
        assert one.not_run or one.language == "json" or not one.info, one


def test_every_fence_is_found() -> None:
    """The pages have no fence of another form, and no code that is only indented."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        name = page.relative_to(ROOT).as_posix()
        assert text.count("```") == 2 * sum(one.page == name for one in fences()), name
        assert "\n\n    " not in re.sub(
            r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE
        ), name


RUN_BY_OTHERS = ("make check-imports runs it", "make test-clients runs it", "tests run it")
"""Ends of reasons for which a fence is run elsewhere."""


def test_code_that_does_not_run_says_why() -> None:
    """These fences are not run, for these reasons; `make check-imports` runs those that name it."""
    reasons = Counter((one.page, one.not_run) for one in fences() if one.not_run)

    assert reasons == {
        ("README.md", "sets up an environment and stays in the foreground"): 1,
        ("README.md", "needs a file of yours"): 1,
        ("docs/clients.md", "needs MATLAB"): 1,
        ("docs/clients.md", "needs R"): 1,
        ("docs/container.md", "needs Docker"): 5,
        ("docs/deployment.md", "needs Docker"): 1,
        ("docs/deployment.md", "needs Ray"): 1,
        ("docs/deployment.md", "needs a cluster"): 1,
        **Counter(
            (one.page, one.not_run)
            for one in fences()
            if one.page == "docs/own-network.md" and one.not_run.endswith(RUN_BY_OTHERS)
        ),
        ("docs/inference-protocol.md", "make test-clients runs it"): 1,
        ("docs/own-network.md", "needs examples of yours"): 1,
        ("docs/training.md", "needs examples of yours"): 1,
        ("docs/performance.md", "takes 38 minutes and downloads 5.7 GB"): 1,
        ("docs/performance.md", "takes an hour"): 1,
        ("docs/performance.md", "takes some ten minutes, and installs PyTorch and Captum"): 1,
        (
            "docs/performance.md",
            "takes some minutes, needs a checkout of 0c0f8d5, and installs matplotlib",
        ): 1,
        ("docs/performance.md", "takes three minutes"): 2,
        ("docs/scaling.md", "measures a GPU or TPU"): 1,
        ("docs/scaling.md", "needs libtpu, takes minutes"): 1,
        ("docs/scaling.md", "takes some minutes"): 1,
        ("docs/embedding.md", "the configuration of another program"): 1,
        ("docs/http.md", "a fragment"): 1,
        ("docs/security.md", "the configuration of another program"): 1,
        ("docs/training.md", "measures 60,000 images"): 1,
        ("docs/training.md", "needs a file of other weights"): 1,
        ("docs/training.md", "trains for minutes to hours"): 1,
    }
    run_by_others = sum(why.endswith(RUN_BY_OTHERS) for _, why in reasons.elements())
    assert reasons.total() - run_by_others <= MOST_NOT_RUN


def test_paths_exist() -> None:
    """Every file, folder, test and module of the repository that a page names is there."""
    for page in (*PAGES, ROOT / "CONTRIBUTING.md"):
        text = page.read_text(encoding="utf-8")
        for path in re.findall(rf"`((?:{FOLDERS})/[^`*…\s]*)`", text):
            file, _, test = path.partition("::")
            assert (ROOT / file).exists(), f"{page.name}: {path}"
            assert f"def {test}" in (ROOT / file).read_text() if test else True, path
        for module in re.findall(r"python -m ((?:api|scripts|tests)[.\w]*)", text):
            assert importlib.util.find_spec(module), f"{page.name}: {module}"


def test_flags_of_long_commands_exist() -> None:
    """Commands of the benchmark take too long to run here; their flags are those of its parser."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    shown = re.findall(r'(?:python -m scripts\.bench|make bench ARGS=)"? ?(-[^"`#]+)', text)

    assert len(shown) >= 4
    for flags in shown:
        bench._parser().parse_args(shlex.split(flags))


def test_data_is_well_formed() -> None:
    """JSON and TOML parse."""
    for one in fences():
        if one.language == "json":
            json.loads(one.code)
        if one.language == "toml":
            tomllib.loads(one.code)


def keys(value: object, before: str = "") -> set[str]:
    """The paths of all keys in a JSON value."""
    if isinstance(value, dict):
        inner = (keys(each, f"{before}{name}.") for name, each in value.items())
        return {f"{before}{name}" for name in value}.union(*inner)
    if isinstance(value, list):
        return set().union(*(keys(each, before) for each in value))
    return set()


def test_shown_responses_are_real(url: str) -> None:
    """A JSON fence that names its request has the keys and texts of the server's response."""
    shown = [one for one in fences() if one.info.startswith("GET ")]
    assert shown
    for one in shown:
        response = httpx2.get(url + one.info.removeprefix("GET ")).json()
        assert keys(json.loads(one.code)) == keys(response), one.info
