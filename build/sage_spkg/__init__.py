"""The package rules: what make asks of one package, or of all of them.  Each program in build/bin calls cmdline.py."""
