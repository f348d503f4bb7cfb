"""Finds a tool by its id; heavy parts load with the tool that needs them."""

import importlib

from deepseek_diagnostics.case import Tool
from deepseek_diagnostics.catalog import BY_ID


def load(tool: str) -> Tool:
    assert tool in BY_ID, "the spec knows the tools"
    module = importlib.import_module(f"deepseek_diagnostics.tools.{tool}")
    run: Tool = module.run
    return run
