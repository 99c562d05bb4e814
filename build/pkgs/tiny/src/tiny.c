/* tiny: packs files into one, lists them, and gives them back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tinyar.h>

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "tiny: %s: %s\n", what, why);
    return 1;
}

static int load(const char *path, struct tinyar_entry *entry)
{
    FILE *file = fopen(path, "rb");
    size_t room = 0, got;
    unsigned char *more;

    memset(entry, 0, sizeof *entry);
    if (!file)
        return -1;
    do {
        room = room ? 2 * room : 65536;
        more = realloc(entry->data, room);
        if (!more)
            break;
        entry->data = more;
        got = fread(entry->data + entry->size, 1, room - entry->size, file);
        entry->size += got;
    } while (entry->size == room);
    if (!more || ferror(file)) {
        fclose(file);
        return -1;
    }
    fclose(file);
    entry->name = malloc(strlen(path) + 1);
    if (!entry->name)
        return -1;
    strcpy(entry->name, path);
    return 0;
}

static int pack(const char *archive_path, char **paths)
{
    FILE *archive = fopen(archive_path, "wb");
    struct tinyar_entry entry;
    int status = 0;

    if (!archive)
        return fail(archive_path, "cannot be written");
    for (; *paths && !status; paths++) {
        if (load(*paths, &entry))
            status = fail(*paths, "cannot be read");
        else if (tinyar_write(archive, &entry))
            status = fail(archive_path, "cannot be written");
        tinyar_free(&entry);
    }
    if (fclose(archive) && !status)
        status = fail(archive_path, "cannot be written");
    return status;
}

static int show(const struct tinyar_entry *entry)
{
    printf("%9lu %s\n", (unsigned long)entry->size, entry->name);
    return 0;
}

/* Never outside of this folder, whatever the archive says. */
static int store(const struct tinyar_entry *entry)
{
    FILE *file;

    if (*entry->name == '/' || strstr(entry->name, ".."))
        return fail(entry->name, "is outside of this folder");
    file = fopen(entry->name, "wb");
    if (!file)
        return fail(entry->name, "cannot be written");
    if (fwrite(entry->data, 1, entry->size, file) != entry->size) {
        fclose(file);
        return fail(entry->name, "cannot be written");
    }
    return fclose(file) ? fail(entry->name, "cannot be written") : 0;
}

static int each(const char *archive_path, int (*act)(const struct tinyar_entry *))
{
    FILE *archive = fopen(archive_path, "rb");
    struct tinyar_entry entry;
    int got, status = 0;

    if (!archive)
        return fail(archive_path, "cannot be read");
    while (!status && (got = tinyar_read(archive, &entry)) != 0) {
        status = got < 0 ? fail(archive_path, "is no archive, or a broken one") : act(&entry);
        tinyar_free(&entry);
    }
    fclose(archive);
    return status;
}

int main(int argc, char **argv)
{
    if (argc > 3 && !strcmp(argv[1], "pack"))
        return pack(argv[2], argv + 3);
    if (argc == 3 && !strcmp(argv[1], "list"))
        return each(argv[2], show);
    if (argc == 3 && !strcmp(argv[1], "unpack"))
        return each(argv[2], store);
    fputs("usage: tiny pack ARCHIVE FILE...\n       tiny list ARCHIVE\n       tiny unpack ARCHIVE\n", stderr);
    return 2;
}
