/* ioctl: requests whose structures differ between the ABIs, and PROCMAP_QUERY. Alone: rivet
 * sys_ioctl; the line of the first check that failed is printed. Loop devices are tried where there
 * are some. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"

static void loop_device(void)
{
    char name[] = "/tmp/sys_ioctl.XXXXXX", dev[32];
    int control = open("/dev/loop-control", O_RDWR);
    int n = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    snprintf(dev, sizeof(dev), "/dev/loop%d", n);
    int loop = n < 0 ? -1 : open(dev, O_RDWR);
    int file = mkstemp(name);
    CHECK(file >= 0 && ftruncate(file, 1 << 20) == 0 && unlink(name) == 0);
    if (loop < 0 || ioctl(loop, LOOP_SET_FD, file) < 0) {
        return;                         /* not ours to try */
    }
    struct loop_info info = { .lo_offset = 4096, .lo_encrypt_key_size = 0 };
    strcpy(info.lo_name, "the name");
    CHECK(sizeof(info) == 160);
    CHECK(ioctl(loop, LOOP_SET_STATUS, &info) == 0);
    struct loop_info64 wide;
    CHECK(ioctl(loop, LOOP_GET_STATUS64, &wide) == 0);
    CHECK(wide.lo_offset == 4096 && strcmp((char *)wide.lo_file_name, "the name") == 0);
    struct loop_info back[2];
    memset(back, 0x55, sizeof(back));
    CHECK(ioctl(loop, LOOP_GET_STATUS, back) == 0);
    CHECK(back[0].lo_number == n && back[0].lo_offset == 4096 && back[0].lo_flags == wide.lo_flags);
    CHECK(back[0].lo_inode == wide.lo_inode && strcmp(back[0].lo_name, "the name") == 0);
    CHECK(back[1].lo_number == 0x55555555);
    errno = 0;
    CHECK(ioctl(loop, LOOP_SET_STATUS, NULL) < 0 && errno == EFAULT);
    CHECK(ioctl(loop, LOOP_CLR_FD) == 0);
}

struct query {
    uint64_t size, query_flags, query_addr;
    uint64_t start, end, flags, page_size, offset, inode;
    uint32_t dev_major, dev_minor, name_size, build_id_size;
    uint64_t name_addr, build_id_addr;
};
#define QUERY _IOWR('f', 17, struct query)

static void map_query(void)
{
    char name[256];
    struct query q = { .size = sizeof(q), .query_addr = (uint64_t)(uintptr_t)map_query,
                       .name_size = sizeof(name), .name_addr = (uint64_t)(uintptr_t)name };
    int fd = open("/proc/self/maps", O_RDONLY);
    CHECK(fd >= 0);
    if (ioctl(fd, QUERY, &q) < 0) {
        CHECK(errno == ENOTTY);         /* a kernel before 6.11 */
        return;
    }
    CHECK(q.start <= q.query_addr && q.end > q.query_addr && q.flags == 5);
    CHECK(q.page_size == 4096 && q.inode && q.name_size == strlen(name) + 1);
    CHECK(strcmp(strrchr(name, '/'), "/sys_ioctl") == 0);
    unsigned long start, end;
    char line[512];
    FILE *f = fdopen(fd, "r");
    while (fgets(line, sizeof(line), f)) {
        CHECK(sscanf(line, "%lx-%lx", &start, &end) == 2);
        struct query l = { .size = sizeof(l), .query_addr = end - 1 };
        CHECK(ioctl(fd, QUERY, &l) == 0 && l.start == start && l.end == end && l.name_size == 0);
    }
    char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mprotect(page + 4096, 4096, PROT_READ | PROT_EXEC) == 0);
    CHECK(munmap(page + 2 * 4096, 4096) == 0);
    q = (struct query){ .size = sizeof(q), .query_addr = (uint64_t)(uintptr_t)page + 4096 };
    CHECK(ioctl(fd, QUERY, &q) == 0 && q.start == q.query_addr && q.end == q.start + 4096);
    CHECK(q.flags == 5 && q.inode == 0);
    q.query_addr += 4096;
    errno = 0;
    CHECK(ioctl(fd, QUERY, &q) < 0 && errno == ENOENT);
    q.query_flags = 16;
    q.query_addr = 0;
    CHECK(ioctl(fd, QUERY, &q) == 0);
    q.query_flags = 64;
    errno = 0;
    CHECK(ioctl(fd, QUERY, &q) < 0 && errno == EINVAL);
    q.query_flags = 0;
    q.size = 8;
    errno = 0;
    CHECK(ioctl(fd, QUERY, &q) < 0 && errno == EINVAL);
    fclose(f);
}

/* The descriptor is looked at before the length. */
static void mmap_errors(void)
{
    errno = 0;
    CHECK(mmap(NULL, 0, PROT_READ, MAP_SHARED, 99, 0) == MAP_FAILED && errno == EBADF);
    errno = 0;
    CHECK(mmap(NULL, -1, PROT_READ, MAP_SHARED, 99, 0) == MAP_FAILED && errno == EBADF);
    errno = 0;
    CHECK(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == EINVAL);
    errno = 0;
    CHECK(mmap(NULL, -1, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED &&
          errno == ENOMEM);
}

int main(void)
{
    map_query();
    mmap_errors();
    loop_device();
    return 0;
}
