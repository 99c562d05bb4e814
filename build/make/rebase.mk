# On Cygwin every DLL has the address it is loaded at written into it, no two may overlap, and so after an install one
# sweep over the tree, `rebase`, rewrites them all. Whoever writes into the tree meanwhile breaks it, or is broken.
#
#     zlib: ; $(NO_REBASE) install libz.dll $(SAGE_LOCAL)/bin
#           $(REBASE)
#
# You may set
#   SAGE_REBASE   a command to do it, told `-O -T LIST`; default: Cygwin's rebase there, and nothing elsewhere
#
# Provides
#   NO_REBASE COMMAND...   COMMAND writes into the tree; rebase.lock is shared with all who do
#   REBASE                 the sweep, as a whole command: nobody writes into the tree meanwhile, and one sweep serves
#                          all who asked for it before it began. Where there is nothing to do it takes no lock.
# and all of flock.mk.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)flock.mk

NO_REBASE = $(SAGE_FLOCK_SHARED) rebase.lock

# Packages ask from different folders; the key says that they all ask for the same. It names the tree, for a lock folder
# may be shared by several.
REBASE_SYSTEM := $(shell uname -s -n)
REBASE_KEY ?= --key 'rebase:$(lastword $(REBASE_SYSTEM)):$(SAGE_LOCAL)'

ifneq ($(strip $(SAGE_REBASE))$(findstring CYGWIN,$(firstword $(REBASE_SYSTEM))),)
REBASE = $(SAGE_FLOCK_COALESCE) $(REBASE_KEY) rebase.lock sage-rebase
else
REBASE = true
endif

export SAGE_REBASE
