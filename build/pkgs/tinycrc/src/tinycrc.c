#include "tinycrc.h"

unsigned long tinycrc(unsigned long crc, const void *data, size_t size)
{
    const unsigned char *at = data;
    int bit;

    crc ^= 0xffffffffUL;
    while (size--) {
        crc ^= *at++;
        for (bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320UL : 0);
    }
    return crc ^ 0xffffffffUL;
}
