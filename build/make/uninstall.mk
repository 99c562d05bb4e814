# Files out of the tree: no rebase meanwhile, which would trip over a DLL that goes, and no pip at all.
#
#     zlib-uninstall: ; $(UNINSTALL) zlib
#
# You may set
#   UNINSTALLER   the command that uninstalls a package, given its NAME; default: sage-spkg-uninstall, which comes with
#                 the package rules. A tree with its own package manager names that one's; without either a call ends
#                 with 127
# and what pip.mk and rebase.mk let you set.
#
# Provides
#   UNINSTALL NAME   uninstalls the package
# and all of pip.mk and rebase.mk.
#
# Whoever takes both locks takes rebase.lock first and pip.lock second, always: in two orders two steps could each hold
# what the other waits for.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)pip.mk
include $(SAGE_FLOCK_MAKE)rebase.mk

UNINSTALLER ?= sage-spkg-uninstall

# Not NO_REBASE, for what goes needs no rebase: there is nothing to mark.
UNINSTALL = $(SAGE_FLOCK_SHARED) rebase.lock $(SAGE_FLOCK) pip.lock $(UNINSTALLER)
