/* SPDX-License-Identifier: Apache-2.0 */
#include "module/note.h"

#include "pipehost/plugin.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEGMENT_LIMIT    512u  /* program headers looked at */
#define NOTE_BYTES_LIMIT 4096u /* of one note segment; a plugin's take some hundred */

/* The linker's name for the host's own ELF header: what a plugin must agree with. */
extern const Elf64_Ehdr host_header __asm__("__ehdr_start") __attribute__((visibility("hidden")));

struct elf_file {
    int fd;
    uint64_t size;
    const char *path;
};

static int32_t damaged(const struct elf_file *f, const char *what, struct ph_error *err)
{
    return ph_error_set(err, PH_ERR_CONFIG,
                        "%s: this shared object is damaged or cut off (%s): build or copy it again",
                        f->path, what);
}

/* Reads exactly length bytes at offset, or nothing: the file may be shorter than it says. */
static bool read_at(const struct elf_file *f, uint64_t offset, void *data, size_t length)
{
    if (offset > f->size || length > f->size - offset) {
        return false;
    }
    for (size_t done = 0; done < length;) {
        ssize_t n = pread(f->fd, (char *)data + done, length - done, (off_t)(offset + done));
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

static int32_t open_elf(int fd, const char *path, struct elf_file *f, struct ph_error *err)
{
    struct stat st;
    *f = (struct elf_file){.fd = fd, .path = path};
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return ph_error_set(err, PH_ERR_CONFIG, "%s: not a file: a plugin is a shared object",
                            path);
    }
    f->size = (uint64_t)st.st_size;
    return PH_OK;
}

static int32_t check_header(const struct elf_file *f, Elf64_Ehdr *h, struct ph_error *err)
{
    unsigned char ident[EI_NIDENT];
    if (!read_at(f, 0, ident, SELFMAG) || memcmp(ident, ELFMAG, SELFMAG) != 0) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: not an ELF file: a plugin is a shared object, made with "
                            "pipehost_add_plugin() or cc -shared -fPIC",
                            f->path);
    }
    if (!read_at(f, 0, ident, sizeof ident)) {
        return damaged(f, "its header is incomplete", err);
    }
    if (ident[EI_CLASS] != host_header.e_ident[EI_CLASS] ||
        ident[EI_DATA] != host_header.e_ident[EI_DATA]) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: built for a machine of another word size or byte order: rebuild "
                            "it on this one",
                            f->path);
    }
    if (!read_at(f, 0, h, sizeof *h)) {
        return damaged(f, "its header is incomplete", err);
    }
    if (h->e_machine != host_header.e_machine) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: built for another machine (ELF machine %u, this pipehost is %u): "
                            "rebuild it on this one",
                            f->path, h->e_machine, host_header.e_machine);
    }
    if (h->e_type != ET_DYN) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: an ELF file, but no shared object (ELF type %u): link it with "
                            "-shared",
                            f->path, h->e_type);
    }
    return PH_OK;
}

static size_t padded(size_t n, size_t alignment)
{
    return (n + alignment - 1) / alignment * alignment;
}

/* PH_OK: found; PH_END: not among these notes. Sizes come from the file: none may overflow. */
static int32_t find_note(const uint8_t *bytes, size_t length, size_t alignment, struct note *note)
{
    size_t at = 0;
    while (length - at >= sizeof(Elf64_Nhdr)) {
        Elf64_Nhdr n;
        memcpy(&n, bytes + at, sizeof n);
        at += sizeof n;
        if (n.n_namesz > NOTE_BYTES_LIMIT || n.n_descsz > NOTE_BYTES_LIMIT) {
            return PH_END;
        }
        size_t name_room = padded(sizeof n + n.n_namesz, alignment) - sizeof n;
        if (name_room > length - at || n.n_descsz > length - at - name_room) {
            return PH_END;
        }
        const uint8_t *desc = bytes + at + name_room;
        if (n.n_type == PH_NOTE_TYPE && n.n_namesz == sizeof PH_NOTE_NAME &&
            memcmp(bytes + at, PH_NOTE_NAME, sizeof PH_NOTE_NAME) == 0 && n.n_descsz >= 20) {
            uint32_t words[5];
            memcpy(words, desc, sizeof words);
            *note =
                (struct note){words[0] | (uint64_t)words[1] << 32, words[2], words[3], words[4]};
            return PH_OK;
        }
        size_t desc_room = padded(n.n_descsz, alignment);
        at +=
            name_room + (desc_room < length - at - name_room ? desc_room : length - at - name_room);
    }
    return PH_END;
}

static int32_t read_segment(const struct elf_file *f, const Elf64_Phdr *p, struct note *note,
                            struct ph_error *err)
{
    uint8_t bytes[NOTE_BYTES_LIMIT];
    if (p->p_filesz > sizeof bytes) {
        return PH_END;
    }
    if (!read_at(f, p->p_offset, bytes, (size_t)p->p_filesz)) {
        return damaged(f, "its notes lie behind its end", err);
    }
    return find_note(bytes, (size_t)p->p_filesz, p->p_align == 8 ? 8 : 4, note);
}

int32_t note_read(int fd, const char *path, struct note *note, struct ph_error *err)
{
    struct elf_file f;
    Elf64_Ehdr h = {.e_phnum = 0};
    if (open_elf(fd, path, &f, err) != PH_OK || check_header(&f, &h, err) != PH_OK) {
        return PH_ERROR;
    }
    if (h.e_phentsize != sizeof(Elf64_Phdr) || h.e_phnum == 0 || h.e_phnum > SEGMENT_LIMIT) {
        return damaged(&f, "it has no readable program headers", err);
    }
    for (uint32_t i = 0; i < h.e_phnum; i++) {
        Elf64_Phdr p;
        if (h.e_phoff > f.size || !read_at(&f, h.e_phoff + (uint64_t)i * sizeof p, &p, sizeof p)) {
            return damaged(&f, "its program headers lie behind its end", err);
        }
        if (p.p_type == PT_NOTE) {
            int32_t r = read_segment(&f, &p, note, err);
            if (r != PH_END) {
                return r;
            }
        }
    }
    return ph_error_set(err, PH_ERR_CONFIG,
                        "%s: not a pipehost plugin: it has no ABI note: one of its source files "
                        "must contain PH_ENTRY(&descriptor)",
                        path);
}

int32_t note_judge(const struct note *note, const char *path, struct ph_error *err)
{
    if (note->magic != PH_ABI_MAGIC) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: its ABI note has the magic %016llx, not %016llx: rebuild it "
                            "against the SDK with ABI %u.%u (pipehost " PH_SDK_VERSION ")",
                            path, (unsigned long long)note->magic, (unsigned long long)PH_ABI_MAGIC,
                            PH_ABI_MAJOR, PH_ABI_MINOR);
    }
    if (note->abi_major != PH_ABI_MAJOR) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: built for plugin ABI %u.%u, this pipehost loads ABI %u.%u: "
                            "rebuild it against the SDK with ABI %u.%u (pipehost " PH_SDK_VERSION
                            ")",
                            path, note->abi_major, note->abi_minor, PH_ABI_MAJOR, PH_ABI_MINOR,
                            PH_ABI_MAJOR, PH_ABI_MINOR);
    }
    if (note->abi_minor > PH_ABI_MINOR) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: built for plugin ABI %u.%u, newer than this pipehost's ABI %u.%u: "
                            "use a newer pipehost, or rebuild it against the SDK with ABI %u.%u "
                            "(pipehost " PH_SDK_VERSION ")",
                            path, note->abi_major, note->abi_minor, PH_ABI_MAJOR, PH_ABI_MINOR,
                            PH_ABI_MAJOR, PH_ABI_MINOR);
    }
    if (note->entry_size < sizeof(struct ph_entry)) {
        return ph_error_set(err, PH_ERR_CONFIG,
                            "%s: its entry of ABI %u.%u has %u bytes, this pipehost's ABI %u.%u "
                            "needs %zu: rebuild it against the SDK (pipehost " PH_SDK_VERSION ")",
                            path, note->abi_major, note->abi_minor, note->entry_size, PH_ABI_MAJOR,
                            PH_ABI_MINOR, sizeof(struct ph_entry));
    }
    return PH_OK;
}
