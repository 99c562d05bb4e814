# Python packages into one environment, side by side: pip installs share pip.lock, an uninstall has it alone. Without
# that, pip removes the folder into which another pip is about to write.
#
#     six: ; $(PIP_INSTALL) six==1.16.0
#
# You may set
#   PIP   the pip of the environment; default: that of $(SAGE_LOCAL)
#
# Provides
#   PIP_INSTALL ARG...     installs what it is told and nothing that this depends on: that is the rules' business, and
#                          two pips which both fetch it would meet in the middle
#   PIP_UNINSTALL ARG...   uninstalls without asking
# and all of flock.mk.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)flock.mk

PIP ?= $(if $(SAGE_LOCAL),$(SAGE_LOCAL)/bin/python -m pip,$(error sage-flock: pip.mk: set SAGE_LOCAL, or PIP))

PIP_INSTALL = $(SAGE_FLOCK_SHARED) pip.lock $(PIP) install --no-deps --no-input --disable-pip-version-check
PIP_UNINSTALL = $(SAGE_FLOCK) pip.lock $(PIP) uninstall --yes --disable-pip-version-check
