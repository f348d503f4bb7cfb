"""`./portal bench NAME ...` measures and writes; alone it lists."""

import importlib
import sys
from pathlib import Path

from tests.bench.rows import PAGE, write

FOLDER = Path(__file__).parent


def names() -> list[str]:
    return sorted(
        path.stem
        for path in FOLDER.glob("*.py")
        if "\ndef measure() -> Iterator[Row]:\n" in path.read_text()
    )


def main(wanted: list[str]) -> int:
    if not wanted:
        for name in names():
            about = (
                importlib.import_module(f"tests.bench.{name}").__doc__ or ""
            ).strip()
            print(f"  {name:<9} {about}")
        return 0
    # A name alone also stands for its sections: trainer for trainer_step, trainer_bytes.
    known = names()
    families = {w: [n for n in known if n.startswith(f"{w}_")] for w in wanted}
    wanted = [n for w in wanted for n in ([w] if w in known else families[w] or [w])]
    if unknown := sorted(set(wanted) - set(known)):
        print(f"no benchmark is named {', '.join(unknown)}", file=sys.stderr)
        return 2
    is_reached = True
    for name in wanted:
        module = importlib.import_module(f"tests.bench.{name}")
        rows = list(module.measure())
        if not rows:
            continue  # it was skipped, and said so
        page = PAGE.with_name(getattr(module, "PAGE", PAGE.name))
        write(name, module.__doc__.strip().partition("\n")[0], rows, page=page)
        for row in rows:
            print(row.markdown())
            is_reached &= row.is_reached
    return 0 if is_reached else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
