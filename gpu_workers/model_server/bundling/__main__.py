"""`python -m model_server.bundling MODEL --to FOLDER`: pack a model to take away."""

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from model_server.bundling import lock, oci
from model_server.bundling.errors import BundleError
from model_server.bundling.pack import THIS_PYTHON, BundleSpec, write_bundle


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    spec = BundleSpec(
        model=options.model,
        name=options.name or options.model.name,
        revision=options.revision,
        machine=options.machine,
        python=options.python,
        wheels_from=options.wheels_from,
    )
    try:
        if not re.fullmatch(r"[\w.-]{1,100}", spec.name):
            raise BundleError(f"--name takes letters, digits, . _ -, got {spec.name!r}")
        told = _write(spec, options)
    except BundleError as error:
        print(f"bundling: {error}", file=sys.stderr)
        return 1
    print(json.dumps(told))
    return 0


def _write(spec: BundleSpec, options: argparse.Namespace) -> dict[str, str]:
    target: Path = options.to
    if options.form == "folder":
        write_bundle(spec, target)
        return {"folder": str(target)}
    if target.exists():
        raise BundleError(f"{target} exists: name another place")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".bundle-") as holder:
        bundle = Path(holder) / "bundle"
        write_bundle(spec, bundle)
        if options.form == "tar":
            made = Path(holder) / "bundle.tar"
            oci.write_tar(made, bundle, root=spec.name)
            made.rename(target)
            return {"tar": str(target)}
        layout = Path(holder) / "layout"
        digest = oci.write_layout(
            layout,
            bundle=bundle,
            machine=spec.machine,
            base=options.base,
            labels={"dsportal.model": spec.name, "dsportal.revision": spec.revision},
        )
        if options.form == "oci":
            layout.rename(target)
        else:  # an archive, as `docker load` and `skopeo copy oci-archive:` read it
            made = Path(holder) / "layout.tar"
            oci.write_tar(made, layout, root=".")
            made.rename(target)
    return {options.form: str(target), "digest": digest}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="model_server.bundling", description=__doc__)
    add = parser.add_argument
    add("model", type=Path, help="a model directory")
    add("--to", type=Path, required=True, help="what is made")
    add("--form", default="folder", choices=["folder", "tar", "oci", "oci-archive"])
    add("--name", default="", help="the model's name for callers")
    add("--revision", default="", help="noted in bundle.json")
    add("--machine", default="x86_64", choices=lock.MACHINES, help="uname -m, there")
    add("--python", default=THIS_PYTHON, help="the Python there (default: this one)")
    add("--wheels-from", type=Path, help="a folder of wheels, in place of an index")
    add("--base", type=Path, help="an OCI layout with a Python, to put below")
    return parser


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
