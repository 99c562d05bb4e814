"""tinygrep WORD ARCHIVE...: says where the word is.  Exit status: 0 found, 1 not found, 2 trouble."""

import sys

import tinyindex
import tinyio


def main():
    if len(sys.argv) < 3:
        sys.stderr.write('usage: tinygrep WORD ARCHIVE...\n')
        return 2
    found = False
    for path in sys.argv[2:]:
        try:
            with open(path, 'rb') as file:
                places = tinyindex.index(file).get(sys.argv[1], [])
        except (OSError, tinyio.Broken) as error:
            sys.stderr.write('tinygrep: %s: %s\n' % (path, error))
            return 2
        for name, line in places:
            print('%s: %s: %d' % (path, name, line))
            found = True
    return 0 if found else 1


if __name__ == '__main__':
    sys.exit(main())
