# On Cygwin every DLL has the address it is loaded at written into it, no two may overlap, and so after an install one
# sweep over the tree, `rebase`, rewrites them all. Whoever writes into the tree meanwhile breaks it, or is broken.
#
#     zlib: ; $(NO_REBASE) install libz.dll $(SAGE_LOCAL)/bin
#           $(REBASE)
#
# You may set
#   SAGE_REBASE   a command to do it, told `-O -T LIST`; default: Cygwin's rebase there, and nothing elsewhere
#   REBASE_MARK   a file of the target's own, like $@.mark: NO_REBASE notes in it when COMMAND was through, and REBASE
#                 then takes any sweep that began later for its own; default: none, and it takes those that began after
#                 REBASE was called
#
# Provides
#   NO_REBASE COMMAND...   COMMAND writes into the tree; rebase.lock is shared with all who do
#   REBASE                 the sweep, as a whole command: nobody writes into the tree meanwhile, and one sweep serves
#                          all who asked for it before it began. Where there is nothing to do it takes no lock.
# and all of flock.mk.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)flock.mk

# Packages ask from different folders; the key says that they all ask for the same. It names the tree, for a lock folder
# may be shared by several.
REBASE_SYSTEM := $(shell uname -s -n)
REBASE_KEY ?= --key rebase:$(lastword $(REBASE_SYSTEM)):$(abspath $(SAGE_LOCAL))

ifneq ($(strip $(SAGE_REBASE))$(findstring CYGWIN,$(firstword $(REBASE_SYSTEM))),)
REBASE_MARKED = $(if $(REBASE_MARK),--mark $(REBASE_MARK))
REBASE = sage-rebase --if-due $(SAGE_FLOCK_COALESCE) $(REBASE_KEY) $(REBASE_MARKED) rebase.lock sage-rebase
else
REBASE_MARKED =
REBASE = true
endif
NO_REBASE = $(SAGE_FLOCK_SHARED) $(if $(REBASE_MARKED),$(REBASE_KEY) $(REBASE_MARKED)) rebase.lock

export SAGE_REBASE
