"""Completion as it is: a shell on a terminal of its own, in which a line is typed, and TAB.

    complete.py SHELL RC LINE...    SHELL, bash or zsh, reads the commands in the file RC first; says for each LINE what
                                    stands on the command line after TAB, in brackets, on a line of its own

Control-G has the shell write down its command line; it does so once it is through with the TAB before it.
"""

import os
import pty
import select
import sys
import tempfile

PATIENCE = int(os.environ.get('PATIENCE', 20))
ZSH = '''
show() { print -r -- "$BUFFER" >"$SHOWN"; zle kill-whole-line }
zle -N show
bindkey -e
bindkey '^G' show
setopt no_beep
PROMPT='ready> '
'''
BASH = '''
show() { printf '%s\\n' "$READLINE_LINE" >"$SHOWN"; READLINE_LINE=; }
bind -x '"\\C-g": show'
bind 'set bell-style none'
PS1='ready> '
'''


def wait_for(master, end):
    """Read from the terminal up to `end`; what other things it says do not matter."""
    said = b''
    while end not in said:
        if not select.select([master], [], [], PATIENCE)[0]:
            sys.exit('silence; said so far: %r' % said)
        said += os.read(master, 4096)


def main(shell, rc, *lines):
    home = tempfile.mkdtemp()
    shown = home + '/shown'
    os.mkfifo(shown)
    with open(home + '/.zshrc', 'w') as file:
        with open(rc) as given:
            file.write(given.read() + (ZSH if shell == 'zsh' else BASH))
    # To be killed by the end of its terminal, not to be asked how it ended.
    pid, master = pty.fork()
    if not pid:
        os.closerange(3, 64)
        os.environ.update(SHOWN=shown, ZDOTDIR=home, TERM='dumb', INPUTRC='/dev/null')
        os.execvp(shell, ['zsh', '-d', '-i'] if shell == 'zsh' else ['bash', '--rcfile', home + '/.zshrc', '-i'])
    wait_for(master, b'ready> ')
    answers = os.open(shown, os.O_RDWR)
    for line in lines:
        os.write(master, line.encode() + b'\t\x07')
        answer = b''
        while not answer.endswith(b'\n'):
            ready = select.select([master, answers], [], [], PATIENCE)[0]
            if not ready:
                sys.exit('silence after TAB: %s' % line)
            if master in ready:
                os.read(master, 4096)
            if answers in ready:
                answer += os.read(answers, 4096)
        print('[%s]' % answer.decode().rstrip('\n'))
    os.close(master)
    os.waitpid(pid, 0)
    os.unlink(shown)
    os.unlink(home + '/.zshrc')
    for name in os.listdir(home):
        os.unlink(home + '/' + name)
    os.rmdir(home)


if __name__ == '__main__':
    main(*sys.argv[1:])
