"""An environment with timm for the converter, and with what else loads from a hub.

Made once and kept in the user's cache.
"""

import sysconfig

from tests.environments import environment_of

WANTED = (
    "timm==1.0.31", "torchvision==0.28.0",
    "transformers==5.24.0", "tokenizers==0.23.2", "kserve-storage==0.21.0",
)  # fmt: skip
# torchvision's wheel on PyPI is built for CUDA: beside a torch for CPUs its operators are
# missing, though timm needs none. They are declared, so that it can be imported.
DECLARED = """
import importlib.util
import torch
if importlib.util.find_spec("torchvision") and not torch.cuda.is_available():
    names = ("nms", "qnms", "roi_align", "qroi_align", "roi_pool", "ps_roi_align",
             "ps_roi_pool", "deform_conv2d")
    library = torch.library.Library("torchvision", "DEF")
    for name in names:
        for each in (name, f"_{name}_backward"):
            library.define(f"{each}(Tensor a) -> Tensor")
"""


def converter_python() -> str:
    """Return its Python; skip where timm cannot be had."""
    commands = environment_of("frameworks", *WANTED, "--no-deps")
    [site] = commands.parent.glob("lib/python*/site-packages")
    # torch and the rest are those of this environment.
    (site / "ours.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (site / "sitecustomize.py").write_text(DECLARED)
    return str(commands / "python")
