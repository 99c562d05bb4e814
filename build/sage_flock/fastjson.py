"""JSON by the C half of Python's json module, where it can be had alone.

The other half imports re, which costs more than all the rest of taking a lock
on etcd does.  Where the C half cannot read by itself, json does everything.
"""

try:
    from _json import encode_basestring_ascii, make_scanner     # not before 2.7 and 3.1
except ImportError:
    from json import dumps, loads
else:
    class _Plain(object):
        """What a reader is made from: no hooks."""

        strict = True
        encoding = 'utf-8'      # of bytes, on Python 2
        object_hook = object_pairs_hook = None
        parse_float = float
        parse_int = int
        parse_constant = float
        memo = {}

    _scan = make_scanner(_Plain)

    def loads(text):
        """The value that `text` (unicode) stands for; ValueError if for none."""
        text = text.strip()
        try:
            value, end = _scan(text, 0)
        except (StopIteration, RuntimeError):       # nothing there; nested too deep
            end = -1
        if end != len(text):
            raise ValueError('no JSON')
        return value

    def dumps(value):
        """`value` as JSON in ASCII: of dicts, lists, texts, ints and bools."""
        if isinstance(value, dict):
            return '{%s}' % ', '.join(['%s: %s' % (dumps(key), dumps(one))
                                       for key, one in value.items()])
        if isinstance(value, (list, tuple)):
            return '[%s]' % ', '.join([dumps(one) for one in value])
        if value is True or value is False:
            return 'true' if value else 'false'
        return '%d' % value if isinstance(value, int) else encode_basestring_ascii(value)
