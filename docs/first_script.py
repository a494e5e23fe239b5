"""Run the first script of the docs in an empty folder; write it, its output and its patch into the pages.

python docs/first_script.py
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "docs" / "quickstart.md")
SCRIPT = ROOT / "examples" / "first_script.py"


def main() -> None:
    """Run it, and fill the places that comments mark."""
    script = SCRIPT.read_text()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "train.py"
        path.write_text(script + '\nprint("PATCH")\nprint(result.fix.patch)\n')
        seen = {**os.environ, "COLUMNS": "110", "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, path], cwd=folder, env=seen, capture_output=True, text=True, check=True)
    output, patch = done.stdout.split("PATCH\n")
    ours = [line for line in output.splitlines() if line.strip() and not re.match(r"Epoch \d|\d+/\d+ ", line)]
    told = "\n".join(line.rstrip() for line in ours)
    for page in PAGES:
        text = page.read_text()
        for name, body in (
            ("script", f"python\n{script}"),
            ("output", f"text\n{told}\n"),
            ("patch", f"python\n{patch}"),
        ):
            filled = f"<!-- {name} -->\n\n```{body.rstrip()}\n```\n"
            text = re.sub(rf"<!-- {name} -->\n(\n```.*?\n```\n)?", lambda _, filled=filled: filled, text, flags=re.S)
        page.write_text(text)
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", *PAGES], check=True)  # As make check wants it.


if __name__ == "__main__":
    main()
