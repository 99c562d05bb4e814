# Locks for recipes: $(SAGE_FLOCK) LOCK COMMAND runs COMMAND while nobody else has LOCK.
#
#     index: ; $(SAGE_FLOCK) index.lock ./make-index
#
# You may set
#   PYTHON       the Python that runs sage-flock; default: the first of python, python3, python2 that works
#   SAGE_LOCAL   the tree that is built: a lock with a bare name is a file in its var/lock; without it, here
#   SAGE_FLOCK_POOL_DEPTH   how many SAGE_FLOCK_POOL lets in at a time, 1 to 256; may be a target's own; default: half as
#                           many as there are cores, and at least 1
#
# Provides
#   SAGE_FLOCK LOCK COMMAND...            runs COMMAND under the exclusive lock
#   SAGE_FLOCK_SHARED LOCK COMMAND...     runs it under the shared lock
#   SAGE_FLOCK_COALESCE LOCK COMMAND...   runs it under the exclusive lock, once for all calls made before it starts
#   SAGE_FLOCK_POOL LOCK COMMAND...       runs it while at most SAGE_FLOCK_POOL_DEPTH do: links, boards, licences
#   SAGE_FLOCK_RUNS_NOTHING               not empty under make -n, -q and -t
#   SAGE_FLOCK_SLOTS                      goes before the `@` of a recipe line that may wait for a lock
#   PATH, exported                        so that $(SAGE_FLOCK) means the same in a recipe and in a shell script
#
# Right after the macro comes the lock's name, never an option: if the macro were empty, make would take the option's
# `-` for "ignore errors" and skip the step in silence, while a line that begins with `pip.lock` fails.
#
# A macro locks one simple command: in `$(SAGE_FLOCK) x.lock a && b`, b runs unlocked. -c 'a && b' locks both.

SAGE_FLOCK_BIN := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../bin)

ifeq ($(wildcard $(SAGE_FLOCK_BIN)/sage-flock),)
$(error sage-flock: not found next to flock.mk: no folder on its path may have a blank in its name)
endif

# Python is looked up once, for every make and script below: a version manager's `python` takes longer than the lock.
ifeq ($(SAGE_FLOCK_PYTHON),)
SAGE_FLOCK_PYTHON := $(firstword $(shell PYTHON='$(PYTHON)' $(SAGE_FLOCK_BIN)/SAGE_FLOCK 2>/dev/null))
ifeq ($(SAGE_FLOCK_PYTHON),)
$(error sage-flock: no Python: none of these works: $(if $(PYTHON),$(PYTHON),python python3 python2))
endif
endif

SAGE_FLOCK = $(SAGE_FLOCK_PYTHON) -S -E $(SAGE_FLOCK_BIN)/sage-flock
ifeq ($(strip $(SAGE_FLOCK)),)
$(error sage-flock: SAGE_FLOCK is empty: steps would fail, not run)
endif
SAGE_FLOCK_SHARED = $(SAGE_FLOCK) -s
SAGE_FLOCK_COALESCE = $(SAGE_FLOCK) --coalesce
SAGE_FLOCK_POOL = $(SAGE_FLOCK) --pool $(or $(strip $(SAGE_FLOCK_POOL_DEPTH)),$(sage_flock_half))
# The cores are counted once, and only where somebody wants to know.
sage_flock_half = $(eval sage_flock_half := $(lastword $(shell $(SAGE_FLOCK_BIN)/SAGE_FLOCK_POOL)))$(sage_flock_half)

# Does -n, -q or -t keep this make from running anything? MAKEFLAGS opens with the single letters, if any:
# `kn -j4 --jobserver-auth=3,4 -- X=1`. But with a long option make 3.81 and 3.82 write
# ` --no-print-directory -kn -- X=1`. So the letters are looked for in the first word, unless it is an option of another
# kind, and in later words with one dash, except -j, -l, -I and -O. After ` -- ` come variables.
sage_flock_blank := $(subst ,, )
sage_flock_options = $(subst |, ,$(firstword $(subst |--|, ,$(subst $(sage_flock_blank),|,x$(MAKEFLAGS)) )))
sage_flock_letters = $(filter-out --% -j% -l% -I% -O%,$(filter x% -%,$(sage_flock_options)))
SAGE_FLOCK_RUNS_NOTHING = $(strip $(foreach flag,n q t,$(findstring $(flag),$(sage_flock_letters))))

# A waiter lends its job slot to the rest of the build. For that it needs make's jobserver, which make hands to lines
# that begin with `+`. But `make -n`, -q and -t run such a line, too, all of it; so the macro is empty under them, and
# the line must hold the one command and no `&& touch $@`.
SAGE_FLOCK_SLOTS = $(if $(SAGE_FLOCK_RUNS_NOTHING),,+)

ifeq ($(findstring :$(SAGE_FLOCK_BIN):,:$(PATH):),)
PATH := $(SAGE_FLOCK_BIN):$(PATH)
endif

export PATH SAGE_FLOCK_PYTHON SAGE_FLOCK_POOL_DEPTH

# Not if it is empty: an empty SAGE_LOCAL in the environment would put locks below /.
ifneq ($(SAGE_LOCAL),)
export SAGE_LOCAL
endif
