"""Makes the pictures of README and docs from a run: python docs/make_pictures.py runs/synthetic .

`make demo` makes that run, on rendered faces. The report is shown by a headless Chromium, the
filmstrips are those that the run's evaluation has kept.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Writes pictures/report.png and pictures/filmstrip.png."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="work directory of a run on clips")
    run = parser.parse_args().run
    PICTURES.mkdir(exist_ok=True)
    show(run / "report.html", PICTURES / "report.png", width=900, height=1100)
    print(f"filmstrips of {', '.join(filmstrips(run, PICTURES / 'filmstrip.png'))}")


def show(page: Path, picture: Path, *, width: int, height: int) -> None:
    """Writes what a browser shows of a page, in 64 colours, which keeps it small.

    Raises:
        FileNotFoundError: if no browser is installed.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise FileNotFoundError(f"none of {', '.join(_BROWSERS)} is installed")
    with tempfile.TemporaryDirectory() as profile:
        raw = Path(profile) / "raw.png"
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        address = page.resolve().as_uri()
        subprocess.run(
            [browser, *options, f"--screenshot={raw}", address], check=True, capture_output=True
        )
        Image.open(raw).convert("RGB").quantize(64).save(picture, optimize=True)


def filmstrips(run: Path, picture: Path, *, count: int = 3) -> list[str]:
    """Writes some kept filmstrips below each other; returns which clips they are."""
    folder = next(iter(sorted(run.glob("eval/*.filmstrips"))))
    strips = json.loads((folder / "clips.json").read_text())  # clip -> files in time order
    chosen = sorted(strips, key=strips.get)[:: len(strips) // count][:count]
    rows = [[Image.open(folder / file) for file in strips[clip]] for clip in chosen]
    width, height = rows[0][0].size
    sheet = Image.new("RGB", (len(rows[0]) * width, count * height), "white")
    for y, row in enumerate(rows):
        for x, frame in enumerate(row):
            sheet.paste(frame.resize((width, height)), (x * width, y * height))
    sheet.quantize(64).save(picture, optimize=True)
    return chosen


if __name__ == "__main__":
    main()
