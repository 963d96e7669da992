"""Rewriting of the packages' names in source code, by the build hook of the wheel."""

import pytest

from hatch_build import COMMANDS, rewrite
from lightwell.__main__ import COMMANDS as OFFERED

MODULES = {"api", "api.app", "models.cnn.network", "scripts.train", "scripts.samples"}

REWRITTEN = {
    "from api import VERSION": "from lightwell.api import VERSION",
    "from models.cnn.network import CNN": "from lightwell.models.cnn.network import CNN",
    "import api.app": "import lightwell.api.app; from lightwell import api",
    "import api.app as app": "import lightwell.api.app as app",
    "import os, api.app": "import os, lightwell.api.app; from lightwell import api",
    "if True: import probes": "if True: import lightwell.probes; from lightwell import probes",
    "é = 'é'; from api import app": "é = 'é'; from lightwell.api import app",
    "x = 'api.app:create_app'": "x = 'lightwell.api.app:create_app'",
    "x = f'{y} by scripts.samples.main'": "x = f'{y} by lightwell.scripts.samples.main'",
    "x = 'python -m api --port 0'": "x = 'lightwell serve --port 0'",
    "x = 'python -m scripts.train cnn'": "x = 'lightwell train cnn'",
    "x = 'python -m scripts.samples'": "x = 'python -m lightwell.scripts.samples'",
    "x = ['-m', 'api', '--openapi']": "x = ['-m', 'lightwell.api', '--openapi']",
    '"""The\né `models.cnn.network`\n"""': '"""The\né `lightwell.models.cnn.network`\n"""',
}

UNCHANGED = (
    "from . import api",
    "from .models import x",
    "from apiary import bees",
    "import modelsaver",
    "x = {'models': 1, 'api': 2}",
    "x = '/models'",
    "x = f'/models/{model}/probes'",
    "x = 'https://host/api.app'",
    "x = 'models.json'",
    "x = 'my.api.app'",
    "x = response.models.cnn",
    "x = ['-n', 'api']",
    "# from api import app",
)


@pytest.mark.parametrize("source", REWRITTEN)
def test_imports_and_mentions_are_rewritten(source: str) -> None:
    """An import, a mention of a module and a command have the names of the wheel."""
    assert rewrite(source, MODULES) == REWRITTEN[source]


@pytest.mark.parametrize("source", UNCHANGED)
def test_other_uses_of_the_words_stay(source: str) -> None:
    """Addresses, keys, attributes and other packages keep the words `api` and `models`."""
    assert rewrite(source, MODULES) == source


def test_several_edits_keep_their_positions() -> None:
    """Edits of one file do not move each other, and other lines stay as they are."""
    source = "from api import app\n\nmodels = 1  # models\nx = 'api.app', '/models'\nimport os\n"

    found = rewrite(source, MODULES)

    assert found == source.replace("from api", "from lightwell.api").replace(
        "'api.app'", "'lightwell.api.app'"
    )


def test_an_import_that_is_written_otherwise_fails() -> None:
    """The build ends at an import whose module is not where the hook expects it."""
    with pytest.raises(ValueError, match="line 1: write the import with single spaces"):
        rewrite("from  api import app", MODULES)


def test_commands_are_those_of_lightwell() -> None:
    """The hook names the modules of the commands as the command `lightwell` runs them."""
    offered = {one.module.removesuffix(".__main__"): name for name, one in OFFERED.items()}

    assert offered == COMMANDS
