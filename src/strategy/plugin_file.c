#define _XOPEN_SOURCE 700 /* realpath */
#include "strategy/plugin_file.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

typedef ElfW(Ehdr) elf_header;
typedef ElfW(Phdr) elf_segment;
typedef ElfW(Shdr) elf_section;

#if defined __x86_64__
enum { THIS_MACHINE = EM_X86_64 };
#elif defined __aarch64__
enum { THIS_MACHINE = EM_AARCH64 };
#else
enum { THIS_MACHINE = EM_NONE }; /* not known: the loader will say */
#endif
enum { THIS_CLASS = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32 };
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
enum { THIS_ORDER = ELFDATA2LSB };
#else
enum { THIS_ORDER = ELFDATA2MSB };
#endif

/* --- the headers --- */

static assay_status refuse(const assay_plugin_file *file, const char *what, assay_error *err) {
    return assay_error_set(err, ASSAY_E_DATA, "plugin %s is %s", file->path, what);
}

static bool lies_inside(const assay_plugin_file *file, uint64_t offset, uint64_t size) {
    return offset <= file->size && size <= file->size - offset;
}

static elf_header header_of(const assay_plugin_file *file) {
    elf_header header;
    memcpy(&header, file->bytes, sizeof header);
    return header;
}

static elf_segment segment_at(const assay_plugin_file *file, const elf_header *header, unsigned index) {
    elf_segment segment;
    memcpy(&segment, file->bytes + header->e_phoff + index * sizeof segment, sizeof segment);
    return segment;
}

static assay_status check_machine(const assay_plugin_file *file, assay_error *err) {
    elf_header header = header_of(file);
    if (header.e_ident[EI_CLASS] == ELFCLASSNONE || header.e_ident[EI_DATA] == ELFDATANONE ||
        header.e_machine == EM_NONE)
        return refuse(file, "damaged: its header is empty", err);
    bool same = header.e_ident[EI_CLASS] == THIS_CLASS && header.e_ident[EI_DATA] == THIS_ORDER &&
                (THIS_MACHINE == EM_NONE || header.e_machine == THIS_MACHINE);
    return same
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_STRATEGY,
                                 "plugin %s is built for another kind of machine: build it here", file->path);
}

/* Whether a segment is loaded with another one, at the address that it says. */
static bool is_part_of(const elf_segment *part, const elf_segment *loaded) {
    return part->p_vaddr >= loaded->p_vaddr &&
           part->p_vaddr + part->p_filesz <= loaded->p_vaddr + loaded->p_filesz &&
           part->p_vaddr - loaded->p_vaddr == part->p_offset - loaded->p_offset;
}

/* Segments that are loaded ascend without an overlap, and one of them has what the loader reads first. */
static bool is_laid_out(const assay_plugin_file *file, const elf_header *header) {
    elf_segment dynamic = {.p_vaddr = UINT64_MAX};
    bool has_dynamic = false;
    uint64_t end = 0;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        elf_segment segment = segment_at(file, header, i);
        dynamic = segment.p_type == PT_DYNAMIC ? segment : dynamic;
    }
    for (unsigned i = 0; i < header->e_phnum; i++) {
        elf_segment segment = segment_at(file, header, i);
        if (segment.p_type != PT_LOAD)
            continue;
        if (segment.p_vaddr < end || segment.p_vaddr > UINT32_MAX || segment.p_memsz > UINT32_MAX ||
            segment.p_filesz > segment.p_memsz)
            return false;
        end = segment.p_vaddr + segment.p_memsz;
        has_dynamic = has_dynamic || is_part_of(&dynamic, &segment);
    }
    return has_dynamic;
}

/* The list of sections stands at the end, where a file that was cut or not written out has none; one that is stripped of it
 * altogether is right as well. */
static bool has_its_end(const assay_plugin_file *file, const elf_header *header) {
    elf_section last = {.sh_type = SHT_NULL};
    size_t size = header->e_shnum * sizeof last;
    if (header->e_shoff == 0 || header->e_shnum == 0)
        return header->e_shoff == 0 && header->e_shnum == 0;
    if (header->e_shentsize != sizeof last || !lies_inside(file, header->e_shoff, size))
        return false;
    memcpy(&last, file->bytes + header->e_shoff + size - sizeof last, sizeof last);
    return last.sh_type != SHT_NULL;
}

static assay_status check_segments(const assay_plugin_file *file, const elf_header *header,
                                   assay_error *err) {
    bool is_whole = has_its_end(file, header);
    for (unsigned i = 0; is_whole && i < header->e_phnum; i++) {
        elf_segment segment = segment_at(file, header, i);
        is_whole = lies_inside(file, segment.p_offset, segment.p_filesz);
    }
    if (!is_whole)
        return refuse(file, "damaged: parts of it are missing", err);
    return is_laid_out(file, header) ? ASSAY_OK : refuse(file, "damaged: its parts do not fit together", err);
}

static assay_status check_elf(const assay_plugin_file *file, assay_error *err) {
    if (file->size < SELFMAG || memcmp(file->bytes, ELFMAG, SELFMAG) != 0)
        return refuse(file, "no shared library: one is built with cc -shared -fPIC", err);
    if (file->size < sizeof(elf_header))
        return refuse(file, "damaged: its header is cut", err);
    elf_header header = header_of(file);
    assay_status status = check_machine(file, err);
    if (status != ASSAY_OK)
        return status;
    if (header.e_type != ET_DYN || header.e_ident[EI_VERSION] != EV_CURRENT)
        return refuse(file, "no shared library (cc -shared -fPIC)", err);
    if (header.e_phentsize != sizeof(elf_segment) ||
        !lies_inside(file, header.e_phoff, header.e_phnum * sizeof(elf_segment)))
        return refuse(file, "damaged: its headers are cut", err);
    return check_segments(file, &header, err);
}

/* --- reading --- */

/* The bytes of an open file, which must be a regular one: a folder or a pipe has no hash. */
static assay_status read_bytes(assay_plugin_file *file, int descriptor, assay_error *err) {
    struct stat about;
    if (fstat(descriptor, &about) != 0 || !S_ISREG(about.st_mode))
        return refuse(file, "no file", err);
    file->size = (size_t)about.st_size;
    file->bytes = malloc(file->size + 1);
    if (file->bytes == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for plugin %s", file->path);
    size_t n = 0;
    for (ssize_t more = 1; n < file->size && more > 0; n += more > 0 ? (size_t)more : 0)
        more = read(descriptor, file->bytes + n, file->size - n);
    return n == file->size
               ? ASSAY_OK
               : assay_error_set(err, ASSAY_E_IO, "plugin %s cannot be read to its end", file->path);
}

static assay_status read_file(assay_plugin_file *file, assay_error *err) {
    int descriptor = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe does not block */
    if (descriptor < 0)
        return assay_error_set(err, ASSAY_E_IO, "plugin %s cannot be read: %s", file->path, strerror(errno));
    assay_status status = read_bytes(file, descriptor, err);
    close(descriptor);
    return status;
}

static void digest(assay_plugin_file *file) {
    assay_hash hash;
    char hex[33];
    assay_hash_init(&hash);
    assay_hash_add(&hash, file->bytes, file->size);
    assay_hash_hex(&hash, hex);
    memcpy(file->digest, hex, ASSAY_PLUGIN_DIGEST_SIZE);
    file->digest[ASSAY_PLUGIN_DIGEST_SIZE] = '\0';
}

/* The digits behind the last #; NULL: there are none. */
static const char *wanted_digest(const char *path) {
    const char *mark = strrchr(path, '#');
    bool is_one = mark != NULL && strlen(mark + 1) == ASSAY_PLUGIN_DIGEST_SIZE &&
                  strspn(mark + 1, "0123456789abcdef") == ASSAY_PLUGIN_DIGEST_SIZE;
    return is_one ? mark + 1 : NULL;
}

static assay_status find_file(assay_plugin_file *file, const char *path, const char *wanted,
                              assay_error *err) {
    size_t size = wanted == NULL ? strlen(path) : (size_t)(wanted - 1 - path);
    char *name = strndup(path, size);
    if (name == NULL)
        return assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a plugin");
    file->path = realpath(name, NULL);
    assay_status status = ASSAY_OK;
    if (file->path == NULL)
        status = errno == ENOMEM ? assay_error_set(err, ASSAY_E_NOMEM, "out of memory for a plugin")
                                 : assay_error_set(err, ASSAY_E_IO, "plugin %.400s cannot be read: %s", name,
                                                   strerror(errno));
    free(name);
    return status;
}

assay_status assay_plugin_file_read(assay_plugin_file *file, const char *path, assay_error *err) {
    const char *wanted = wanted_digest(path);
    *file = (assay_plugin_file){0};
    assay_status status = find_file(file, path, wanted, err);
    if (status == ASSAY_OK)
        status = read_file(file, err);
    if (status != ASSAY_OK)
        return status;
    digest(file);
    if (wanted != NULL && strcmp(wanted, file->digest) != 0)
        return assay_error_set(
            err, ASSAY_E_DATA,
            "plugin %s has changed since the run: it is version %s now, and was %s; build that "
            "version again, or run anew",
            file->path, file->digest, wanted);
    return check_elf(file, err);
}

void assay_plugin_file_reset(assay_plugin_file *file) {
    free(file->path);
    free(file->bytes);
    *file = (assay_plugin_file){0};
}

/* --- what is loaded --- */

/* A plugin built with AddressSanitizer has red zones between its constants, which memcmp would report. */
__attribute__((no_sanitize_address)) static bool holds(const unsigned char *memory,
                                                       const unsigned char *bytes, size_t size) {
    size_t same = 0;
    while (same < size && memory[same] == bytes[same])
        same++;
    return same == size;
}

bool assay_plugin_file_is_loaded(const assay_plugin_file *file, const void *base) {
    elf_header header = header_of(file);
    size_t headers_end = header.e_phoff + header.e_phnum * sizeof(elf_segment);
    const unsigned char *memory = NULL; /* of address 0 of the file */
    for (unsigned i = 0; i < header.e_phnum; i++) {
        elf_segment segment = segment_at(file, &header, i);
        if (segment.p_type != PT_LOAD)
            continue;
        if (memory == NULL) { /* the first begins at `base` with the headers; the same, the same layout */
            if (segment.p_offset != 0 || segment.p_filesz < headers_end ||
                !holds(base, file->bytes, sizeof header) ||
                !holds((const unsigned char *)base + header.e_phoff, file->bytes + header.e_phoff,
                       headers_end - header.e_phoff))
                return false;
            memory = (const unsigned char *)base - segment.p_vaddr;
        }
        if ((segment.p_flags & (PF_W | PF_X)) == 0 &&
            !holds(memory + segment.p_vaddr, file->bytes + segment.p_offset, segment.p_filesz))
            return false;
    }
    return true;
}
