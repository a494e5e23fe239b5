"""What the README shows is run."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_script_in_the_readme_catches_and_fixes_its_program(store):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    space: dict = {}
    exec(compile(code, "README.md", "exec"), space)
    result = space["result"]
    assert result.stuck
    assert {"majority-collapse", "unscaled-input", "class-imbalance"} <= {d.name for d in result.diagnoses}
    assert result.fix is not None
    exec(compile(result.fix.patch, "the patch, pasted behind it", "exec"), space)
    answers = space["model"].predict(space["X"], verbose=0).argmax(1)
    assert all((answers == label).any() for label in range(3))


def test_every_file_that_the_readme_links_exists():
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link
