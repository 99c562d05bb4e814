# Installs Python packages side by side into one environment: installs share pip.lock, an uninstall takes it
# exclusively. Without it, one pip removes the folder into which another is about to write.
#
#     six: ; $(PIP_INSTALL) six==1.16.0
#
# You may set
#   PIP   the pip of the environment; default: that of $(SAGE_LOCAL)
#
# Provides
#   PIP_INSTALL ARG...     installs what is named, without its dependencies: those have rules of their own, and two pips
#                          that both brought them would collide
#   PIP_UNINSTALL ARG...   uninstalls without asking
# and all of flock.mk.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)flock.mk

PIP ?= $(if $(SAGE_LOCAL),$(SAGE_LOCAL)/bin/python -m pip,$(error sage-flock: pip.mk: set SAGE_LOCAL, or PIP))

PIP_INSTALL = $(SAGE_FLOCK_SHARED) pip.lock $(PIP) install --no-deps --no-input --disable-pip-version-check
PIP_UNINSTALL = $(SAGE_FLOCK) pip.lock $(PIP) uninstall --yes --disable-pip-version-check
