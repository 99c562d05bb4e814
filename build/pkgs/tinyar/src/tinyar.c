#include "tinyar.h"
#include <stdlib.h>
#include <string.h>
#include <tinycrc.h>
#include <tinylz.h>

int tinyar_write(FILE *archive, const struct tinyar_entry *entry)
{
    unsigned char *packed = malloc(tinylz_bound(entry->size));
    size_t length = strlen(entry->name), size;
    int fine;

    if (!packed)
        return -1;
    size = tinylz_pack(entry->data, entry->size, packed);
    fine = fprintf(archive, "tiny %lu %lu %lu %08lx\n", (unsigned long)length, (unsigned long)size,
                   (unsigned long)entry->size, tinycrc(0, entry->data, entry->size)) > 0
        && fwrite(entry->name, 1, length, archive) == length
        && fwrite(packed, 1, size, archive) == size;
    free(packed);
    return fine ? 0 : -1;
}

/* Room for `size` bytes and a zero, filled from the archive; NULL when it has less. */
static void *read_bytes(FILE *archive, size_t size)
{
    char *bytes = malloc(size + 1);

    if (bytes && fread(bytes, 1, size, archive) != size) {
        free(bytes);
        return NULL;
    }
    if (bytes)
        bytes[size] = 0;
    return bytes;
}

int tinyar_read(FILE *archive, struct tinyar_entry *entry)
{
    char line[80];
    unsigned long length, packed_size, size, crc;
    unsigned char *packed;
    int fine;

    memset(entry, 0, sizeof *entry);
    if (!fgets(line, sizeof line, archive))
        return ferror(archive) ? -1 : 0;
    if (sscanf(line, "tiny %9lu %9lu %9lu %8lx", &length, &packed_size, &size, &crc) != 4)
        return -1;
    entry->name = read_bytes(archive, length);
    packed = read_bytes(archive, packed_size);
    entry->data = malloc(size + 1);
    entry->size = size;
    fine = entry->name && packed && entry->data
        && !tinylz_unpack(packed, packed_size, entry->data, size)
        && tinycrc(0, entry->data, size) == crc;
    free(packed);
    if (!fine)
        tinyar_free(entry);
    return fine ? 1 : -1;
}

void tinyar_free(struct tinyar_entry *entry)
{
    free(entry->name);
    free(entry->data);
    memset(entry, 0, sizeof *entry);
}
