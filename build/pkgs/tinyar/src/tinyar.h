#ifndef TINYAR_H
#define TINYAR_H
#include <stddef.h>
#include <stdio.h>

/*
 * An archive is a row of entries. An entry is one line of text, "tiny LENGTH PACKED SIZE CRC", and behind it, without
 * anything in between, LENGTH bytes of name and PACKED bytes that tinylz unpacks to SIZE bytes. CRC is theirs, in hex.
 */
struct tinyar_entry {
    char *name;
    unsigned char *data;
    size_t size;
};

/* Appends an entry; returns 0, or -1 when that failed. */
int tinyar_write(FILE *archive, const struct tinyar_entry *entry);

/* Reads the next entry; returns 1, or 0 at the end, or -1 when there is none to be read. Free it after use. */
int tinyar_read(FILE *archive, struct tinyar_entry *entry);

void tinyar_free(struct tinyar_entry *entry);

#endif
