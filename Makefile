# The goals that people type; `make help` lists them. The package build itself is build/make/Makefile.
#
# Variables given on the command line (SAGE_LOCAL=, SAGE_VENV_PYTHON=, PYTHON=, V=1) reach everything below.

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
ifneq ($(words $(TOP)),1)
$(error sage-flock: no folder on the path of the checkout may have a blank in its name: $(TOP))
endif

ifeq ($(wildcard $(TOP)/build/make/Makefile),)
$(error sage-flock: $(TOP) is no checkout: call this Makefile where it is, not through a link)
endif

PREFIX ?= /usr/local
PACKAGES := $(notdir $(wildcard $(TOP)/build/pkgs/*))
OTHER_GOALS := check bench install uninstall adopt clean help
# What is no goal at all goes to the kit as well, which says what there is instead.
KIT_GOALS := $(sort all optional list report locks $(PACKAGES) $(PACKAGES:%=check-%) $(PACKAGES:%=%-uninstall) \
    $(filter-out $(OTHER_GOALS) kit prefix Makefile,$(MAKECMDGOALS)))
INSTALLED = $(DESTDIR)$(PREFIX)/lib/sage-flock
SHARE = $(DESTDIR)$(PREFIX)/share

.PHONY: $(KIT_GOALS) kit $(OTHER_GOALS)

# One make gets all goals of the kit: two makes would build what both need at the same time.
all: kit
$(filter-out all,$(KIT_GOALS)): kit
	@:

# On every core, unless -j says otherwise: MAKEFLAGS holds what was given, once make runs a recipe.
cores = $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 1)
kit:
	@SAGE_GOALS='$(OTHER_GOALS)' $(MAKE) --no-print-directory $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(cores)) \
	    -f $(TOP)/build/make/Makefile $(or $(filter $(KIT_GOALS),$(MAKECMDGOALS)),all)

check:
	sh $(TOP)/tests/run

bench:
	sh $(TOP)/tests/bench/run

.PHONY: prefix
prefix:
	@case '$(DESTDIR)$(PREFIX)' in \
	    *[[:blank:]]*) echo 'sage-flock: $(MAKECMDGOALS): a blank in $(DESTDIR)$(PREFIX)' >&2; exit 2 ;; \
	    /*) ;; \
	    *) echo 'sage-flock: $(MAKECMDGOALS): no absolute path: $(DESTDIR)$(PREFIX)' >&2; exit 2 ;; \
	esac

# The kit goes into a folder of its own, and links to its programs onto PATH. If PYTHON is given, or nothing is called
# `python`, as on Debian, the first line of each program names the Python that was found. Bytecode is made now: those who
# run the programs later may not be allowed to write there.
install: prefix
	@PYTHON='$(PYTHON)' $(TOP)/build/bin/SAGE_FLOCK >/dev/null
	rm -rf $(INSTALLED)
	mkdir -p $(INSTALLED)/build $(DESTDIR)$(PREFIX)/bin
	cd $(TOP)/build && cp -RP bin make sage_bootstrap sage_flock sage_spkg $(INSTALLED)/build
	find $(INSTALLED) -name __pycache__ -prune -exec rm -rf {} +
	find $(INSTALLED) -name '*.pyc' -exec rm -f {} +
	for tool in sage-flock sage-flock-report; do \
	    ln -sf ../lib/sage-flock/build/bin/$$tool $(DESTDIR)$(PREFIX)/bin/$$tool || exit; \
	done
	python=$$(PYTHON='$(PYTHON)' $(TOP)/build/bin/SAGE_FLOCK) && python=$${python%% *} && \
	    { [ -z '$(PYTHON)' ] && python -c '' 2>/dev/null || for tool in sage-flock sage-flock-report; do \
	        sed "1s|.*|#!$$python|" $(TOP)/build/bin/$$tool >$(INSTALLED)/build/bin/$$tool || exit; \
	    done; } && \
	    for package in sage_bootstrap sage_flock sage_spkg; do \
	        $$python -m compileall -q -d $(PREFIX)/lib/sage-flock/build/$$package $(INSTALLED)/build/$$package || exit; \
	    done
	mkdir -p $(SHARE)/man/man1 $(SHARE)/bash-completion/completions $(SHARE)/zsh/site-functions
	cp $(TOP)/build/man/*.1 $(SHARE)/man/man1
	cp $(TOP)/build/completion/sage-flock.bash $(SHARE)/bash-completion/completions/sage-flock
	cp $(TOP)/build/completion/sage-flock.bash $(SHARE)/bash-completion/completions/sage-flock-report
	cp $(TOP)/build/completion/_sage-flock $(SHARE)/zsh/site-functions

# Removes what `make install` put there, and nothing else: another's file of the same name stays.
uninstall: prefix
	@[ -d $(INSTALLED) ] || \
	    { echo 'sage-flock: uninstall: nothing in $(DESTDIR)$(PREFIX) (PREFIX=); a package: make NAME-uninstall' >&2; exit 2; }
	for tool in sage-flock sage-flock-report; do \
	    link=$(DESTDIR)$(PREFIX)/bin/$$tool; \
	    case $$(readlink $$link) in ../lib/sage-flock/build/bin/$$tool) rm -f $$link || exit ;; esac; \
	done
	rm -f $(SHARE)/man/man1/sage-flock.1 $(SHARE)/man/man1/sage-flock-report.1 $(SHARE)/zsh/site-functions/_sage-flock \
	    $(SHARE)/bash-completion/completions/sage-flock $(SHARE)/bash-completion/completions/sage-flock-report
	rm -rf $(INSTALLED)

# INTO, RULES and FORCE, given on the command line, are in the environment of the recipe.
adopt:
	@sh $(TOP)/build/make/adopt

# A tree elsewhere, named by SAGE_LOCAL, is left to its owner.
clean:
	rm -rf $(TOP)/local
	find $(wildcard $(TOP)/build $(TOP)/tests) -name __pycache__ -prune -exec rm -rf {} +
	find $(wildcard $(TOP)/build $(TOP)/tests) -name '*.pyc' -exec rm -f {} +

help:
	@echo 'make                  build and install the default packages into local, on every core unless -j is given'
	@echo 'make optional         the optional packages: pip gets them from the package index'
	@echo 'make NAME             one package and what it depends on'
	@echo 'make check-NAME       build it anew and run its check'
	@echo 'make NAME-uninstall   uninstall it'
	@echo 'make list             which packages there are, and which are installed'
	@echo 'make report           where the last build waited: who held what, and a page to look at'
	@echo 'make locks            who holds and who waits right now'
	@echo 'make check            run the tests'
	@echo 'make bench            what locks cost, side by side with flock(1)'
	@echo 'make install          install sage-flock into PREFIX ($(PREFIX)), below DESTDIR= if given'
	@echo 'make uninstall        uninstall sage-flock from PREFIX'
	@echo 'make adopt INTO=DIR   copy the lock kit into your own tree, with RULES=1 the package rules too'
	@echo 'make clean            remove local and bytecode'
	@echo
	@echo 'Variables: SAGE_LOCAL=TREE, SAGE_VENV_PYTHON= the Python for it, PYTHON= for sage-flock, V=1 no logs,'
	@echo 'SAGE_REBASE=COMMAND to rebase DLLs with, CHECK=yes to run checks, KEEP=yes to keep what fails to build.'
