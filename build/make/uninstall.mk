# Removes packages from the tree: no rebase meanwhile, which would trip over a missing DLL, and no pip at all.
#
#     zlib-uninstall: ; $(UNINSTALL) zlib
#
# You may set
#   UNINSTALLER   the command that uninstalls a package, given its NAME; default: sage-spkg-uninstall, which comes with
#                 the package rules. A tree with its own package manager names its own; with neither, it ends with 127
# and what pip.mk and rebase.mk let you set.
#
# Provides
#   UNINSTALL NAME   uninstalls the package
# and all of pip.mk and rebase.mk.
#
# A step that takes both locks always takes rebase.lock first and pip.lock second: with two orders, each of two steps
# could hold the lock that the other waits for.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)pip.mk
include $(SAGE_FLOCK_MAKE)rebase.mk

UNINSTALLER ?= sage-spkg-uninstall

# Not NO_REBASE: removing files makes no rebase due, so there is nothing to mark.
UNINSTALL = $(SAGE_FLOCK) --also-shared rebase.lock pip.lock $(UNINSTALLER)
