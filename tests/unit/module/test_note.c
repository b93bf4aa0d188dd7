/* SPDX-License-Identifier: Apache-2.0 */
/** This test's own executable carries a note: its first bytes are the file that is bent and cut. */
#include "module/note.h"

#include "pipehost/pipehost.h"

#include <check.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

PH_ENTRY(NULL);

#define HEAD_SIZE 4096u

static uint8_t head[HEAD_SIZE];
static Elf64_Ehdr header;
static size_t note_at;    /* of the note in head */
static size_t segment_at; /* of the program header that has it */

static void setup(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(read(fd, head, sizeof head), (ssize_t)sizeof head);
    ck_assert_int_eq(close(fd), 0);
    memcpy(&header, head, sizeof header);
    for (size_t i = 0; i < header.e_phnum; i++) {
        size_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
        Elf64_Phdr p;
        memcpy(&p, head + at, sizeof p);
        if (p.p_type != PT_NOTE || p.p_offset + p.p_filesz > sizeof head) {
            continue;
        }
        uint8_t *found = memmem(head + p.p_offset, p.p_filesz, "pipehost", 9);
        if (found != NULL) {
            note_at = (size_t)(found - head) - sizeof(Elf64_Nhdr);
            segment_at = at;
        }
    }
    ck_assert_uint_gt(note_at, 0);
}

static int32_t read_bytes(const uint8_t *bytes, size_t length, struct note *note,
                          struct ph_error *err)
{
    int fd = memfd_create("note", MFD_CLOEXEC);
    int32_t r;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    ph_error_clear(err);
    r = note_read(fd, "x.so", note, err);
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(r == PH_OK, !ph_error_is_set(err));
    return r;
}

/* The sentence for the file with `size` bytes at `at` replaced. */
static const char *bent(size_t at, const void *data, size_t size)
{
    static struct ph_error err;
    uint8_t copy[HEAD_SIZE];
    struct note note;
    memcpy(copy, head, sizeof copy);
    memcpy(copy + at, data, size);
    (void)read_bytes(copy, sizeof copy, &note, &err);
    return err.text;
}

START_TEST(reads_the_note_of_a_file)
{
    struct note note = {0};
    struct ph_error err;
    ck_assert_msg(read_bytes(head, sizeof head, &note, &err) == PH_OK, "%s", err.text);
    ck_assert_uint_eq(note.magic, PH_ABI_MAGIC);
    ck_assert_uint_eq(note.abi_major, PH_ABI_MAJOR);
    ck_assert_uint_eq(note.abi_minor, PH_ABI_MINOR);
    ck_assert_uint_eq(note.entry_size, sizeof(struct ph_entry));
    ck_assert_int_eq(note_judge(&note, "x.so", &err), PH_OK);
}
END_TEST

START_TEST(a_file_cut_anywhere_before_the_notes_end_is_refused)
{
    struct note note;
    struct ph_error err;
    for (size_t length = 0; length < note_at + sizeof(struct ph_note); length++) {
        ck_assert_int_eq(read_bytes(head, length, &note, &err), PH_ERROR);
        ck_assert_msg(strstr(err.text, length < SELFMAG ? "not an ELF file" : "cut off") != NULL,
                      "%zu bytes: %s", length, err.text);
    }
}
END_TEST

START_TEST(other_machines_are_named)
{
    const uint8_t narrow = ELFCLASS32;
    const uint8_t big = ELFDATA2MSB;
    const Elf64_Half machine = EM_S390;
    ck_assert_str_eq(bent(EI_CLASS, &narrow, 1),
                     "x.so: built for a machine of another word size or byte order: rebuild it on "
                     "this one");
    ck_assert_str_eq(bent(EI_DATA, &big, 1),
                     "x.so: built for a machine of another word size or byte order: rebuild it on "
                     "this one");
    ck_assert_ptr_nonnull(strstr(bent(offsetof(Elf64_Ehdr, e_machine), &machine, 2),
                                 "built for another machine (ELF machine 22, this pipehost is "));
}
END_TEST

START_TEST(an_object_file_is_no_shared_object)
{
    const Elf64_Half type = ET_REL;
    ck_assert_str_eq(bent(offsetof(Elf64_Ehdr, e_type), &type, 2),
                     "x.so: an ELF file, but no shared object (ELF type 1): link it with -shared");
}
END_TEST

START_TEST(program_headers_out_of_bounds_are_refused)
{
    const Elf64_Half sizes[] = {0, 1, 0xffff};
    const Elf64_Off offsets[] = {HEAD_SIZE, UINT64_MAX, UINT64_MAX - 55};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(strstr(bent(offsetof(Elf64_Ehdr, e_phentsize), &sizes[i], 2),
                                     "it has no readable program headers"));
        ck_assert_ptr_nonnull(strstr(bent(offsetof(Elf64_Ehdr, e_phoff), &offsets[i], 8),
                                     "its program headers lie behind its end"));
    }
    ck_assert_ptr_nonnull(strstr(bent(offsetof(Elf64_Ehdr, e_phnum), &sizes[2], 2),
                                 "it has no readable program headers"));
}
END_TEST

START_TEST(a_note_segment_out_of_bounds_is_refused)
{
    const Elf64_Off offsets[] = {HEAD_SIZE, UINT64_MAX, UINT64_MAX - 100};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(
            strstr(bent(segment_at + offsetof(Elf64_Phdr, p_offset), &offsets[i], 8),
                   "its notes lie behind its end"));
    }
}
END_TEST

START_TEST(a_note_that_exceeds_its_segment_is_no_note)
{
    const uint32_t sizes[] = {UINT32_MAX, UINT32_MAX - 3, 1u << 20, 4096, 64, 0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t word = 0; word < 2; word++) {
            ck_assert_str_eq(bent(note_at + word * 4, &sizes[i], 4),
                             "x.so: not a pipehost plugin: it has no ABI note: one of its source "
                             "files must contain PH_ENTRY(&descriptor)");
        }
    }
}
END_TEST

START_TEST(another_name_or_type_is_no_note)
{
    const uint32_t type = 2;
    ck_assert_ptr_nonnull(strstr(bent(note_at + 8, &type, 4), "no ABI note"));
    ck_assert_ptr_nonnull(strstr(bent(note_at + 12, "pipehosT", 8), "no ABI note"));
}
END_TEST

/* A note with a descriptor of `size` bytes behind its header and name; answers where the next one
 * begins. */
static size_t put_note(uint8_t *bytes, size_t at, size_t alignment, const char *name,
                       const void *desc, uint32_t size)
{
    const Elf64_Nhdr n = {(uint32_t)strlen(name) + 1, size, PH_NOTE_TYPE};
    size_t desc_at = (at + sizeof n + n.n_namesz + alignment - 1) / alignment * alignment;
    memcpy(bytes + at, &n, sizeof n);
    memcpy(bytes + at + sizeof n, name, n.n_namesz);
    memcpy(bytes + desc_at, desc, size);
    return (desc_at + size + alignment - 1) / alignment * alignment;
}

START_TEST(a_note_behind_others_is_found_at_either_alignment)
{
    const uint32_t desc[6] = {PH_ABI_MAGIC & UINT32_MAX, PH_ABI_MAGIC >> 32, 3, 4, 40, 0};
    for (size_t alignment = 4; alignment <= 8; alignment += 4) {
        uint8_t bytes[512] = {0};
        size_t at = sizeof header + sizeof(Elf64_Phdr);
        Elf64_Ehdr h = header;
        Elf64_Phdr p = {.p_type = PT_NOTE, .p_offset = at, .p_align = alignment};
        struct note note;
        struct ph_error err;
        h.e_phnum = 1;
        h.e_phoff = sizeof h;
        at = put_note(bytes, at, alignment, "GNU", "123456789", 9);
        at = put_note(bytes, at, alignment, "pipehost", desc, sizeof desc);
        p.p_filesz = at - p.p_offset;
        memcpy(bytes, &h, sizeof h);
        memcpy(bytes + sizeof h, &p, sizeof p);
        ck_assert_msg(read_bytes(bytes, at, &note, &err) == PH_OK, "%s", err.text);
        ck_assert_uint_eq(note.abi_major, 3);
        ck_assert_uint_eq(note.entry_size, 40);
    }
}
END_TEST

START_TEST(what_is_no_regular_file_is_refused)
{
    struct note note;
    struct ph_error err;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ph_error_clear(&err);
    ck_assert_int_eq(note_read(fd, "/dev/null", &note, &err), PH_ERROR);
    ck_assert_str_eq(err.text, "/dev/null: not a file: a plugin is a shared object");
    ck_assert_int_eq(close(fd), 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("note");
    TCase *t = tcase_create("file");
    tcase_add_unchecked_fixture(t, setup, NULL);
    tcase_add_test(t, reads_the_note_of_a_file);
    tcase_add_test(t, a_file_cut_anywhere_before_the_notes_end_is_refused);
    tcase_add_test(t, other_machines_are_named);
    tcase_add_test(t, an_object_file_is_no_shared_object);
    tcase_add_test(t, program_headers_out_of_bounds_are_refused);
    tcase_add_test(t, a_note_segment_out_of_bounds_is_refused);
    tcase_add_test(t, a_note_that_exceeds_its_segment_is_no_note);
    tcase_add_test(t, another_name_or_type_is_no_note);
    tcase_add_test(t, a_note_behind_others_is_found_at_either_alignment);
    tcase_add_test(t, what_is_no_regular_file_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
