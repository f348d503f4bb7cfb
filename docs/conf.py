"""Sphinx builds docs/ from Markdown; `./portal docs` fails on any warning."""

project = "dsportal"
author = "the dsportal authors"
copyright = "the dsportal authors, Apache-2.0"  # noqa: A001 -- Sphinx's name

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = "dsportal"
html_copy_source = False
html_show_sphinx = False
