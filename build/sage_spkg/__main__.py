"""What build/bin/sage-spkg runs: its name and its words."""
import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if not os.environ.pop('SAGE_LC_CTYPE', ''):
    os.environ.pop('LC_CTYPE', None)

from sage_spkg.cmdline import main

main(sys.argv[1], sys.argv[2:])
