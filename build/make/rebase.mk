# On Cygwin every DLL contains its load address, and no two DLLs may overlap. So after an install one sweep over the
# tree, `rebase`, rewrites them all. Whatever writes into the tree meanwhile breaks it, or is broken by it.
#
#     zlib: ; $(NO_REBASE) install libz.dll $(SAGE_LOCAL)/bin
#           $(REBASE)
#
# You may set
#   SAGE_REBASE   the command that rebases, called with `-O -T LIST`; default: Cygwin's rebase there, and none elsewhere
#   REBASE_MARK   a file of the target's own, like $@.mark: NO_REBASE writes it when COMMAND succeeds, and any sweep
#                 started after that counts for REBASE; default: none, and sweeps started after REBASE was called count
#
# Provides
#   NO_REBASE COMMAND...   runs COMMAND, which writes into the tree, with rebase.lock held shared
#   REBASE                 the sweep, as a whole command: nothing writes into the tree meanwhile, and one sweep counts
#                          for every call made before it started. If nothing is due it takes no lock.
# and all of flock.mk.

SAGE_FLOCK_MAKE := $(dir $(lastword $(MAKEFILE_LIST)))
include $(SAGE_FLOCK_MAKE)flock.mk

# Packages ask from different folders; the key makes theirs one sweep. It names the tree, since several trees may share
# a lock folder.
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
