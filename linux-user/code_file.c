#include "linux-user/code_file.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib.h>

#include "exec/cpu_exec.h"

/* A terabyte below where Linux begins to look for room, and above all that programs ask for by address. */
#define PLACES_START ((abi_ulong)0x7d0000000000)
#define PLACES_SIZE ((abi_ulong)1 << 40)
#define PLACE_STEP ((abi_ulong)1 << 21)     /* a small library needs one page of page table */
#define FIXED_END ((abi_ulong)1 << 40)      /* below, there is what ELF files and the loader ask for */

enum { MAX_FILES = 2048 };
/* By number - 1. What has a number is constant, so that looking it up needs no lock. */
static ImageKey *code_files[MAX_FILES];
static uint32_t nfiles;

static bool file_id(int fd, GuestFileId *id)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return false;
    }
    *id = (GuestFileId){
        .dev = st.st_dev,
        .ino = st.st_ino,
        .size = (uint64_t)st.st_size,
        .mtime = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec,
        .ctime = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec,
    };
    return true;
}

static bool is_program(int fd)
{
    unsigned char head[20];
    return pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, ELFMAG, SELFMAG) == 0 &&
           head[EI_CLASS] == ELFCLASS64 && head[EI_DATA] == ELFDATA2LSB &&
           (head[18] | head[19] << 8) == EM_RISCV;
}

static abi_ulong place(const GuestFileId *id, unsigned n)
{
    uint64_t h = image_hash(id, sizeof(*id)) + n * 0x9e3779b97f4a7c15u;
    return PLACES_START + (h >> 20) * PLACE_STEP % PLACES_SIZE;
}

abi_ulong code_file_place(int fd, unsigned n)
{
    GuestFileId id;
    return image_enabled() && file_id(fd, &id) && is_program(fd) ? place(&id, n) : 0;
}

uint32_t code_file_number(int fd, abi_ulong base)
{
    ImageKey key = { .base = base };
    if (!image_enabled() || !file_id(fd, &key.id)) {
        return 0;
    }
    while (key.place < CODE_FILE_PLACES && place(&key.id, key.place) != base) {
        key.place++;
    }
    if (key.place == CODE_FILE_PLACES && base >= FIXED_END) {
        return 0;
    }
    for (uint32_t i = 0; i < nfiles; i++) {
        if (memcmp(code_files[i], &key, sizeof(key)) == 0) {
            return i + 1;
        }
    }
    if (nfiles == MAX_FILES) {
        return 0;
    }
    code_files[nfiles] = g_new(ImageKey, 1);
    *code_files[nfiles] = key;
    return ++nfiles;
}

void code_file_get(uint32_t number, ImageKey *key)
{
    *key = *code_files[number - 1];
}
