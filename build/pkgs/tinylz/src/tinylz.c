#include "tinylz.h"
#include <string.h>

enum { SHORTEST = 4, LONGEST = 131, FARTHEST = 65535, SLOTS = 4096 };

size_t tinylz_bound(size_t size)
{
    return size + size / 128 + 1;
}

static unsigned slot_of(const unsigned char *at)
{
    return (at[0] * 2654435761U ^ at[1] * 40503U ^ at[2] * 2246822519U ^ at[3]) % SLOTS;
}

static unsigned char *put_as_they_are(const unsigned char *from, size_t count, unsigned char *out)
{
    size_t piece;

    for (; count; count -= piece, from += piece, out += piece) {
        piece = count < 128 ? count : 128;
        *out++ = piece - 1;
        memcpy(out, from, piece);
    }
    return out;
}

size_t tinylz_pack(const unsigned char *in, size_t size, unsigned char *out)
{
    size_t last[SLOTS] = {0};           /* where bytes that look like these were, plus 1 */
    size_t at = 0, unsaid = 0, before, length;
    unsigned char *start = out;

    while (at + SHORTEST <= size) {
        before = last[slot_of(in + at)];
        last[slot_of(in + at)] = at + 1;
        length = 0;
        if (before-- && at - before <= FARTHEST)
            while (length < LONGEST && at + length < size && in[before + length] == in[at + length])
                length++;
        if (length < SHORTEST) {
            at++;
            continue;
        }
        out = put_as_they_are(in + unsaid, at - unsaid, out);
        *out++ = 124 + length;
        *out++ = (at - before) & 255;
        *out++ = (at - before) >> 8;
        unsaid = at += length;
    }
    return put_as_they_are(in + unsaid, size - unsaid, out) - start;
}

int tinylz_unpack(const unsigned char *in, size_t size, unsigned char *out, size_t out_size)
{
    const unsigned char *end = in + size;
    size_t done = 0, length, distance;

    while (in < end) {
        if (*in < 128) {
            length = *in++ + 1;
            if (length > (size_t)(end - in) || length > out_size - done)
                return -1;
            memcpy(out + done, in, length);
            in += length;
            done += length;
        } else {
            if (end - in < 3)
                return -1;
            length = in[0] - 124;
            distance = in[1] | in[2] << 8;
            in += 3;
            if (!distance || distance > done || length > out_size - done)
                return -1;
            for (; length; length--, done++)
                out[done] = out[done - distance];
        }
    }
    return done == out_size ? 0 : -1;
}
