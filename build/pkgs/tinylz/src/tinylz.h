#ifndef TINYLZ_H
#define TINYLZ_H
#include <stddef.h>

/*
 * Packed data is a row of pieces. A byte n below 128 says: n + 1 bytes follow as they are. A byte n from 128 on says:
 * the n - 124 bytes which were d bytes ago come again; d is in the next two bytes, the low one first.
 */

/* The most that `size` bytes can become. */
size_t tinylz_bound(size_t size);

/* Packs into `out`, which has room for tinylz_bound(size), and returns how many bytes it took. */
size_t tinylz_pack(const unsigned char *in, size_t size, unsigned char *out);

/* Unpacks exactly `out_size` bytes; returns 0, or -1 when `in` is not what packing them gives. */
int tinylz_unpack(const unsigned char *in, size_t size, unsigned char *out, size_t out_size);

#endif
