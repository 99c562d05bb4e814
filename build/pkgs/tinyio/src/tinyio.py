"""Tiny archives in Python; the format is in tinyar.h and tinylz.h."""

import binascii


class Broken(Exception):
    """This is no tiny archive, or a damaged one."""


def read(file):
    """Each entry of an archive that is open for reading bytes: (name, data)."""
    for line in iter(file.readline, b''):
        try:
            word, length, packed, size, crc = line.split()
            name = file.read(int(length))
            data = unpack(file.read(int(packed)))
            crc = int(crc, 16)
        except (ValueError, IndexError):
            raise Broken('no entry where one is due')
        if word != b'tiny' or len(data) != int(size) or binascii.crc32(data) != crc:
            raise Broken('%r is damaged' % name)
        yield name.decode(errors='replace'), data


def write(file, name, data):
    """Append an entry to an archive that is open for writing bytes."""
    name = name.encode()
    packed = pack(data)
    file.write(b'tiny %d %d %d %08x\n' % (len(name), len(packed), len(data), binascii.crc32(data)))
    file.write(name + packed)


def unpack(packed):
    data = bytearray()
    at = 0
    while at < len(packed):
        code = packed[at]
        at += 1
        if code < 128:
            if at + code >= len(packed):
                raise Broken('it ends too early')
            data += packed[at:at + code + 1]
            at += code + 1
        else:
            distance = packed[at] + 256 * packed[at + 1]
            at += 2
            if not 0 < distance <= len(data):
                raise Broken('it points outside of itself')
            for _ in range(code - 124):
                data.append(data[-distance])
    return bytes(data)


def pack(data):
    """Not smaller, but in the form: the C library is the one that packs."""
    pieces = [data[at:at + 128] for at in range(0, len(data), 128)]
    return b''.join(bytes([len(piece) - 1]) + piece for piece in pieces)
