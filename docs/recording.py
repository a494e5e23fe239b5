"""Record `make demo` as a picture that moves: docs/pictures/demo.svg.

    make recording

The demo is run in an empty folder; what it prints is shown as it came, its waiting cut short.
"""

import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
COLUMNS, LINES = 108, 34
STOPS = ("Epoch 1/", "Epoch 3/", "stuck (", "Searched:", "remedy  ", "Test rows after")
"""A frame ends where a line begins like this; the last one shows all."""
STILL, LAST = 1.6, 6.0
"""Seconds that a frame stands, and the last one."""


def main() -> None:
    """Run the demo, draw a frame at every stop, and put them one behind the other."""
    lines = [part for line in _demo() if line.strip() for part in textwrap.wrap(line, COLUMNS, break_long_words=True)]
    ends = [next(i for i, line in enumerate(lines) if line.strip().startswith(stop)) + 1 for stop in STOPS]
    shown = [lines[:end][-LINES:] for end in (*sorted(set(ends)), len(lines))]
    frames = [_drawn(part, number) for number, part in enumerate(shown)]
    (ROOT / "docs" / "pictures" / "demo.svg").write_text(_moving(frames), encoding="utf-8")


def _demo() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        seen = {**os.environ, "COLUMNS": str(COLUMNS), "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, ROOT / "examples" / "ecg.py"]
        done = subprocess.run(command, cwd=folder, env=seen, capture_output=True, text=True, check=True)
    return ["$ make demo", *done.stdout.splitlines()]


def _drawn(lines: list[str], number: int) -> str:
    """Return a frame as SVG, always as high as the highest."""
    console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), force_terminal=True)  # noqa: SIM115
    for line in lines:
        text = Text(line.rstrip())
        text.highlight_regex(r"^stuck \([^)]*\)", "bold red")
        text.highlight_regex(r"^note \([^)]*\)", "yellow")
        text.highlight_regex(r"^(Fixed by|Searched:|Not confirmed:)", "bold green")
        console.print(text)
    for _ in range(LINES - len(lines)):
        console.print()
    drawn = console.export_svg(title="remedy", unique_id=f"frame{number}")
    return re.sub(r"@font-face\s*{.*?}", "", drawn, flags=re.DOTALL)  # A picture asks no network for its letters.


def _moving(frames: list[str]) -> str:
    """Return the frames in one picture, each shown in its turn."""
    sizes = [re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', frame) for frame in frames]
    width, height = (max(float(size.group(i)) for size in sizes if size) for i in (1, 2))
    total = STILL * (len(frames) - 1) + LAST
    rules = []
    for number in range(len(frames)):
        begin = 100 * STILL * number / total
        end = 100.0 if number == len(frames) - 1 else 100 * STILL * (number + 1) / total
        steps = f"0%{{opacity:{int(number == 0)}}}{begin:.2f}%{{opacity:1}}{end:.2f}%{{opacity:{int(end == 100.0)}}}"
        steps += "" if end == 100.0 else "100%{opacity:0}"
        rules.append(
            f"@keyframes show{number}{{{steps}}}.f{number}{{animation:show{number} {total}s infinite step-end}}"
        )
    style = f"<style>{''.join(rules)}</style>"
    body = "".join(f'<g class="f{number}">{frame}</g>' for number, frame in enumerate(frames))
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">{style}{body}</svg>\n'


if __name__ == "__main__":
    main()
