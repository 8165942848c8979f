#include "linux-user/code_file.h"

#include <elf.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <glib.h>

#include "exec/cpu_exec.h"
#include "linux-user/mmap.h"

/* A terabyte below where Linux begins to look for room, and above all that programs ask for by
 * address. */
#define PLACES_START ((abi_ulong)0x7d0000000000)
#define PLACES_SIZE ((abi_ulong)1 << 40)
#define PLACE_STEP ((abi_ulong)1 << 21)     /* a small library needs one page of page table */
enum { SETTLE_SECONDS = 70 };
#define FIXED_END ((abi_ulong)1 << 40)   /* below, there is what ELF files and the loader ask for */

typedef struct CodeFile {
    ImageKey key;
    bool settled;
} CodeFile;

enum { MAX_FILES = 2048 };
/* By number - 1. What has a number is constant, so that looking it up needs no lock. */
static CodeFile *code_files[MAX_FILES];
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

/*
 * Can the file not have changed since its ctime? On the file systems of local disks a write sets
 * the ctime, one through a shared mapping too, though that only when the page is first written to
 * since it was last clean: hence the time, which is twice what pages stay dirty.
 */
static bool is_settled(int fd, const GuestFileId *id)
{
    static const uint32_t local[] = {
        0xef53 /* ext2, 3, 4 */,   0x58465342 /* XFS */,      0x9123683e /* Btrfs */,
        0x794c7630 /* overlay */,  0xf2f52010 /* F2FS */,     0x2fc12fc1 /* ZFS */,
        0xca451a4e /* bcachefs */, 0x73717368 /* squashfs */, 0xe0f5e1e2 /* EROFS */,
    };
    struct timespec now;
    struct statfs fs;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (id->ctime / 1000000000u + SETTLE_SECONDS > (uint64_t)now.tv_sec || fstatfs(fd, &fs) < 0) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(local); i++) {
        if ((uint32_t)fs.f_type == local[i]) {
            return true;
        }
    }
    return false;
}

/* In a space that -R has made small, what is filled first. */
static abi_ulong places_size(void)
{
    return guest_reserved() ? guest_reserved_top() / 64 : PLACES_SIZE;
}

static abi_ulong places_start(void)
{
    return guest_reserved() ? guest_reserved_top() - places_size() : PLACES_START;
}

static abi_ulong place(const GuestFileId *id, unsigned n)
{
    uint64_t h = image_hash(id, sizeof(*id)) + n * 0x9e3779b97f4a7c15u;
    return (places_start() + (h >> 20) * PLACE_STEP % places_size()) & ~(abi_ulong)4095;
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
    if (key.place == CODE_FILE_PLACES && base >= MIN(FIXED_END, places_start())) {
        return 0;
    }
    for (uint32_t i = 0; i < nfiles; i++) {
        if (memcmp(&code_files[i]->key, &key, sizeof(key)) == 0) {
            return i + 1;
        }
    }
    if (nfiles == MAX_FILES) {
        return 0;
    }
    code_files[nfiles] = g_new(CodeFile, 1);
    *code_files[nfiles] = (CodeFile){ key, is_settled(fd, &key.id) };
    return ++nfiles;
}

void code_file_get(uint32_t number, GuestCodeOrigin *origin)
{
    origin->key = code_files[number - 1]->key;
    origin->settled = code_files[number - 1]->settled;
}
