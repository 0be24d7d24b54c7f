# SPDX-License-Identifier: GPL-2.0
# For Sphinx: make htmldocs, or sphinx-build Documentation build/html.
project = "rmpopt"
author = "The rmpopt developers"
exclude_patterns = ["ABI"]
html_theme = "alabaster"
html_show_copyright = False
