#ifndef TINYCRC_H
#define TINYCRC_H
#include <stddef.h>

/* The CRC-32 of zip and PNG. Begin with 0; give the result back in to go on. */
unsigned long tinycrc(unsigned long crc, const void *data, size_t size);

#endif
