"""What build/bin/sage-spkg runs: its name, whether LC_CTYPE was set before Python did, and its words."""
import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not sys.argv[2]:
    os.environ.pop('LC_CTYPE', None)

from sage_spkg.cmdline import main

main(sys.argv[1], sys.argv[3:])
