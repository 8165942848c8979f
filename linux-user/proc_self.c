/*
 * linux-user/proc_self.c: the files of /proc that must show the guest.
 *
 * The kernel is told where the guest's arguments, environment and code are (PR_SET_MM_MAP), so that
 * what it shows of this process, to others as well, is right by itself. What it cannot be told has
 * one row a name in proc_files[]: their text is made when they are opened (proc_text.c).
 */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux-user/limits.h"
#include "linux-user/mmap.h"
#include "linux-user/proc_self.h"
#include "linux-user/ptrace_private.h"
#include "linux-user/seccomp.h"
#include "linux-user/signal.h"
#include "linux-user/sys_common.h"

/* A file of /proc in full (g_free), "" when it cannot be read. */
char *proc_host_text(const char *path)
{
    char *text = NULL;
    return g_file_get_contents(path, &text, NULL, NULL) ? text : g_strdup("");
}

/* --- what the kernel is told ------------------------------------------------------------------ */

static bool published;          /* constant once the guest runs */

void proc_self_publish(abi_ulong sp, abi_ulong host_brk)
{
    enum { MAX_SPARE_AUX = 8 };
    abi_ulong code = process.start_code + guest_base, data = process.start_data + guest_base;
    struct prctl_mm_map map = {
        .start_code = code,
        .end_code = process.end_code + guest_base,
        .start_data = process.start_data ? data : code,
        .end_data = process.start_data ? process.end_data + guest_base : code,
        .start_brk = host_brk,  /* the emulator's: its malloc() lives there */
        .brk = host_call(__NR_brk, 0, 0, 0, 0, 0, 0),
        .start_stack = sp + guest_base,
        .arg_start = process.arg_start + guest_base,
        .arg_end = process.arg_end + guest_base,
        .env_start = process.env_start + guest_base,
        .env_end = process.env_end + guest_base,
        .auxv = (__u64 *)g2h(process.auxv),
        .auxv_size = (uint32_t)process.auxv_size,
        .exe_fd = (uint32_t)-1,
    };
    /* It keeps as many entries of the auxiliary vector as its own programs have: others may miss
     * our last. */
    for (int spare = 0; spare <= MAX_SPARE_AUX; spare++) {
        published = prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) == 0;
        if (published || errno != EINVAL) {
            break;
        }
        map.auxv_size -= 2 * sizeof(abi_ulong);
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

/* Guest memory [start, end) as it is now; what cannot be read ends it. */
static GString *guest_bytes(abi_ulong start, abi_ulong end)
{
    enum { CHUNK = 4096 };
    GString *out = g_string_new(NULL);
    char buf[CHUNK];
    while (start < end) {
        size_t n = MIN(end - start, CHUNK - (start & (CHUNK - 1)));
        if (!guest_read(buf, start, n)) {
            break;
        }
        g_string_append_len(out, buf, (gssize)n);
        start += n;
    }
    return out;
}

/* "<mount>/<pid>[/task/<tid>]" is of this process, asked of the mount itself: its numbers may be
 * those of another pid namespace. */
bool proc_is_our_task(char *dir)
{
    char link[PATH_MAX + 16], self[32];
    char *task = strstr(dir, "/task/");
    if (task) {
        *task = 0;
    }
    char *slash = strrchr(dir, '/');
    if (!slash || strspn(slash + 1, "0123456789") != strlen(slash + 1)) {
        return false;
    }
    snprintf(link, sizeof(link), "%.*s/self", (int)(slash - dir), dir);
    ssize_t n = readlink(link, self, sizeof(self) - 1);
    bool ours = n > 0 && (size_t)n == strlen(slash + 1) && !memcmp(self, slash + 1, (size_t)n);
    if (task) {
        *task = '/';
    }
    return ours;
}

static GString *make_cmdline(char *dir)
{
    return published ? NULL : guest_bytes(process.arg_start, process.arg_end);
}

static GString *make_environ(char *dir)
{
    return published ? NULL : guest_bytes(process.env_start, process.env_end);
}

static GString *make_auxv(char *dir)
{
    return guest_bytes(process.auxv, process.auxv + process.auxv_size);
}

static GString *make_maps(char *dir)
{
    return proc_is_our_task(dir) ? proc_self_maps() : proc_other_maps(dir);
}

static GString *make_smaps(char *dir)
{
    return proc_is_our_task(dir) ? proc_self_smaps() : proc_other_smaps(dir);
}

static GString *make_smaps_rollup(char *dir)
{
    GString *smaps = make_smaps(dir);
    GString *out = smaps ? proc_rollup(dir, smaps) : NULL;
    if (smaps) {
        g_string_free(smaps, TRUE);
    }
    return out;
}

static char *host_text(const char *dir, const char *name)
{
    char *path = g_strdup_printf("%s/%s", dir, name);
    char *text = proc_host_text(path);
    g_free(path);
    return text;
}

/* What the host would show of the emulator, of a process that is ours or another's. */
typedef struct Shown {
    uint64_t caught, ignored;   /* signals */
    uint64_t blocked, pending;  /* besides those that the host knows of */
    abi_ulong size;           /* of the address space */
    bool strict;              /* seccomp's strict mode: nobody in it looks at itself */
} Shown;

static uint64_t ignored_by_host(const char *dir)
{
    char *text = host_text(dir, "status"), *at = strstr(text, "\nSigIgn:\t");
    uint64_t ignored = at ? strtoul(at + strlen("\nSigIgn:\t"), NULL, 16) : 0;
    g_free(text);
    return ignored;
}

static bool look_at(char *dir, Shown *s)
{
    s->blocked = s->pending = 0;
    if (!proc_is_our_task(dir)) {
        uint64_t base;
        pid_t pid = atoi(strrchr(dir, '/') + 1);
        s->ignored = ignored_by_host(dir);
        s->strict = seccomp_is_strict(pid, tracee_find_task(pid, &base));
        return proc_other_size(dir, &s->size) &&
               signal_dispositions_other(pid, &s->caught, &s->ignored);
    }
    signal_dispositions(current_task, &s->caught, &s->ignored);
    if (atoi(strrchr(dir, '/') + 1) == current_task->tid) {
        signal_unblockable_shown(current_task, &s->blocked, &s->pending);
    }
    s->size = guest_map_size();
    s->strict = false;
    return true;
}

/* Of a line "Name:<tab>hex". */
static uint64_t of_line(const char *line)
{
    return strtoul(strchr(line, '\t') + 1, NULL, 16);
}

/* The host's lines with the signals that are the guest's, the size without the emulator's, and
 * seccomp's strict mode. */
static GString *make_status(char *dir)
{
    Shown s;
    unsigned long kb, peak = 0;
    if (!look_at(dir, &s)) {
        return NULL;
    }
    char *text = host_text(dir, "status");
    char **lines = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);
    for (char **l = lines; *l && **l; l++) {
        if (g_str_has_prefix(*l, "SigCgt:")) {
            g_string_append_printf(out, "SigCgt:\t%016" PRIx64 "\n", s.caught);
        } else if (g_str_has_prefix(*l, "SigIgn:")) {
            g_string_append_printf(out, "SigIgn:\t%016" PRIx64 "\n", s.ignored);
        } else if (g_str_has_prefix(*l, "SigBlk:")) {
            g_string_append_printf(out, "SigBlk:\t%016" PRIx64 "\n", of_line(*l) | s.blocked);
        } else if (g_str_has_prefix(*l, "SigPnd:")) {
            g_string_append_printf(out, "SigPnd:\t%016" PRIx64 "\n", of_line(*l) | s.pending);
        } else if (s.strict && g_str_has_prefix(*l, "Seccomp:")) {
            g_string_append(out, "Seccomp:\t1\n");
        } else if (sscanf(*l, "VmPeak: %lu", &peak) == 1) {
            /* with what follows: VmSize */
        } else if (sscanf(*l, "VmSize: %lu", &kb) == 1) {
            unsigned long size = s.size / 1024;
            g_string_append_printf(out, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\n",
                                   size + MAX(peak, kb) - kb, size);
        } else {
            g_string_append_printf(out, "%s\n", *l);
        }
    }
    g_strfreev(lines);
    g_free(text);
    return out;
}

/* A number of a line, proc(5): fields count from 1. */
typedef struct Field {
    unsigned field;
    abi_ulong value;
} Field;

/* `line`, whose first field is number `first`, with n of its fields replaced; each after a
 * space. */
static void append_fields(GString *out, char *line, unsigned first, const Field *ours, unsigned n)
{
    char **fields = g_strsplit(g_strstrip(line), " ", -1);
    for (unsigned i = 0; fields[i]; i++) {
        unsigned k = 0;
        while (k < n && ours[k].field != first + i) {
            k++;
        }
        if (k < n) {
            g_string_append_printf(out, " %lu", ours[k].value);
        } else {
            g_string_append_printf(out, " %s", fields[i]);
        }
    }
    g_string_append_c(out, '\n');
    g_strfreev(fields);
}

/* Of others the kernel was told the addresses. */
static GString *make_stat(char *dir)
{
    enum { AFTER_COMM = 3, SHOWN = 3 };
    const uint64_t low = 0x7fffffff; /* of signals it has the first 31 only */
    Shown s;
    if (!look_at(dir, &s)) {
        return NULL;
    }
    const Field ours[] = {
        {23, s.size},
        {33, s.ignored & low},
        {34, s.caught & low},
        {26, process.start_code},
        {27, process.end_code},
        {28, process.start_stack},
        {45, process.start_data},
        {46, process.end_data},
        {47, process.start_brk},
        {48, process.arg_start},
        {49, process.arg_end},
        {50, process.env_start},
        {51, process.env_end},
    };
    char *text = host_text(dir, "stat"), *comm_end = strrchr(text, ')');
    GString *out = g_string_new(NULL);
    if (comm_end) {
        g_string_append_len(out, text, comm_end + 1 - text);
        append_fields(out, comm_end + 1, AFTER_COMM, ours,
                      proc_is_our_task(dir) ? G_N_ELEMENTS(ours) : SHOWN);
    }
    g_free(text);
    return out;
}

static void append_limit(GString *out, const char *name, rlim_t limit)
{
    char number[24] = "unlimited";
    if (limit != RLIM_INFINITY) {
        snprintf(number, sizeof(number), "%lu", (unsigned long)limit);
    }
    g_string_append_printf(out, "%s%-20s ", name, number);
}

/* The host's, but for those limits that we keep. */
static GString *make_limits(char *dir)
{
    static const struct { const char *name; unsigned resource; } kept[] = {
        { "Max data size             ", RLIMIT_DATA },
        { "Max address space         ", RLIMIT_AS },
    };
    char *text = host_text(dir, "limits");
    GString *out = g_string_new(NULL);
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        unsigned i = 0;
        struct rlimit limit;
        while (i < G_N_ELEMENTS(kept) && !g_str_has_prefix(line, kept[i].name)) {
            i++;
        }
        if (i < G_N_ELEMENTS(kept) && limit_is_kept(kept[i].resource, &limit)) {
            append_limit(out, kept[i].name, limit.rlim_cur);
            append_limit(out, "", limit.rlim_max);
            g_string_append(out, "bytes     \n");
        } else {
            g_string_append_len(out, line, end + 1 - line);
        }
    }
    g_free(text);
    return out;
}

static GString *make_statm(char *dir)
{
    enum { PAGE = 4096 };
    Shown s;
    if (!look_at(dir, &s)) {
        return NULL;
    }
    const Field size = {1, s.size / PAGE};
    char *text = host_text(dir, "statm");
    GString *out = g_string_new(NULL);
    append_fields(out, text, 1, &size, 1);
    g_string_erase(out, 0, 1);
    g_free(text);
    return out;
}

#define SV39_SIZE ((abi_ulong)1 << 38)

static GString *make_cpuinfo(char *dir)
{
    GString *out = g_string_new(NULL);
    char *isa = rv_isa_string(exec_options.exts);
    long n = MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    for (long i = 0; i < n; i++) {
        g_string_append_printf(out,
                               "processor\t: %ld\n"
                               "hart\t\t: %ld\n"
                               "isa\t\t: %s\n"
                               "mmu\t\t: %s\n"
                               "mvendorid\t: 0x0\n"
                               "marchid\t\t: 0x0\n"
                               "mimpid\t\t: 0x0\n"
                               "hart isa\t: %s\n\n",
                               i, i, isa, task_size() <= SV39_SIZE ? "sv39" : "sv48", isa);
    }
    g_free(isa);
    return out;
}

static GString *make_arch(char *dir)
{
    return g_string_new("riscv64\n");
}

static GString *make_osrelease(char *dir)
{
    if (!user_options.uname_release) {
        return NULL;
    }
    GString *out = g_string_new(user_options.uname_release);
    return g_string_append_c(out, '\n');
}

/* --- which file it is ------------------------------------------------------------------------- */

typedef enum ProcWhere {
    PROC_TASK,                  /* /proc/<our pid>[/task/<any>] */
    PROC_ANY_TASK,              /* /proc/<any pid>[/task/<any>] */
    PROC_ROOT,                  /* /proc */
    PROC_KERNEL,                /* /proc/sys/kernel */
} ProcWhere;

typedef struct ProcFile {
    const char *name;
    ProcWhere where;
    GString *(*make)(char *dir);            /* NULL result: the host's file will do */
} ProcFile;

static const ProcFile proc_files[] = {
    {"exe", PROC_ANY_TASK, NULL}, /* first: a link, see proc_exe() */
    {"mem", PROC_ANY_TASK, NULL}, /* nothing is made, only noted */
    {"maps", PROC_ANY_TASK, make_maps},
    {"smaps", PROC_ANY_TASK, make_smaps},
    {"smaps_rollup", PROC_ANY_TASK, make_smaps_rollup},
    {"limits", PROC_TASK, make_limits},
    {"cmdline", PROC_TASK, make_cmdline},
    {"environ", PROC_TASK, make_environ},
    {"auxv", PROC_TASK, make_auxv},
    {"stat", PROC_ANY_TASK, make_stat},
    {"statm", PROC_ANY_TASK, make_statm},
    {"status", PROC_ANY_TASK, make_status},
    {"cpuinfo", PROC_ROOT, make_cpuinfo},
    {"arch", PROC_KERNEL, make_arch},
    {"osrelease", PROC_KERNEL, make_osrelease},
};
#define EXE_FILE (&proc_files[0])
#define MEM_FILE (&proc_files[1])

/* The row of the path's last component, by name alone. */
static const ProcFile *file_named(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    for (unsigned i = 0; i < G_N_ELEMENTS(proc_files); i++) {
        if (!strcmp(name, proc_files[i].name)) {
            return &proc_files[i];
        }
    }
    return NULL;
}

const char *proc_last_name(abi_ulong path, char tail[PROC_TAIL])
{
    abi_long len = path ? guest_strnlen(path, PATH_MAX) : -1;
    size_t n = MIN((size_t)MAX(len, 0), PROC_TAIL - 1);
    if (len <= 0 || len >= PATH_MAX || !guest_read(tail, path + (abi_ulong)len - n, n)) {
        return "";
    }
    tail[n] = '\0';
    const char *slash = strrchr(tail, '/');
    return slash ? slash + 1 : (size_t)len == n ? tail : "";
}

bool proc_fd_lies(int fd, const char *name, char dir[PATH_MAX])
{
    struct statfs fs;
    char link[40];
    if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
        return false;
    }
    snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", fd);
    ssize_t n = readlink(link, dir, PATH_MAX - 1);
    if (n <= 0) {
        return false;
    }
    dir[n] = 0;
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir || strcmp(slash + 1, name) != 0) {
        return false;
    }
    *slash = 0;
    return true;
}

/* Is `file` that of its name in dir, of /proc? */
static bool file_is_in(const ProcFile *file, char *dir)
{
    switch (file->where) {
    case PROC_ROOT:
        return strchr(dir + 1, '/') == NULL || g_str_has_suffix(dir, "/proc");
    case PROC_KERNEL:
        return g_str_has_suffix(dir, "/sys/kernel");
    case PROC_TASK:
        return proc_is_our_task(dir);
    case PROC_ANY_TASK:
        return true;
    }
    return false;
}

bool proc_path_lies(int dirfd, abi_ulong host_path, const char *name, char dir[PATH_MAX])
{
    abi_long fd = host_call(__NR_openat, (abi_ulong)dirfd, host_path,
                            O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, 0, 0);
    if (fd < 0) {
        return false;
    }
    bool lies = proc_fd_lies((int)fd, name, dir);
    close((int)fd);
    return lies;
}

/* --- open ------------------------------------------------------------------------------------- */

/* What is opened for its contents shows what we make of them. */
static bool reads_contents(int flags)
{
    return !(flags & (O_PATH | O_DIRECTORY | O_ACCMODE));
}

static abi_long open_made(const ProcFile *file, char *dir, int flags)
{
    GString *text = file->make(dir);
    if (!text) {
        return PROC_NOT_OURS;
    }
    char *path = g_strdup_printf("%s/%s", dir, file->name);
    abi_long fd = proc_text_fd(path, text, flags);
    g_free(path);
    g_string_free(text, TRUE);
    return fd;
}

/* The file itself may be closed to the guest: by landlock, by its mode. 0 or -errno. */
static abi_long host_may_open(int dirfd, abi_ulong host_path, int flags)
{
    abi_long fd = host_call(__NR_openat, (abi_ulong)dirfd, host_path, (abi_ulong)flags | O_CLOEXEC,
                            0, 0, 0);
    return fd < 0 ? fd : close((int)fd);
}

abi_long proc_self_open(int dirfd, abi_ulong path, int flags)
{
    char dir[PATH_MAX], tail[PROC_TAIL];
    const ProcFile *file = file_named(proc_last_name(path, tail));
    if (!file || !proc_path_lies(dirfd, shift_arg(path), file->name, dir) ||
        !file_is_in(file, dir)) {
        return PROC_NOT_OURS;
    }
    if (file == MEM_FILE) {
        if (flags & O_ACCMODE) {
            ptrace_memory_opened();
        }
        return PROC_NOT_OURS;
    }
    if (file == EXE_FILE) {
        return flags & O_NOFOLLOW ? PROC_NOT_OURS : proc_exe_open(dir, flags);
    }
    if (!reads_contents(flags)) {
        return PROC_NOT_OURS;
    }
    abi_long ret = host_may_open(dirfd, shift_arg(path), flags);
    return ret < 0 ? ret : open_made(file, dir, flags);
}

/* /proc has files without a size, on a device without a number of its own. */
static bool may_be_of_proc(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_size == 0 && major(st->st_dev) == 0;
}

/* fd is open on a file of the host's that is ours to make, under a link's name. */
static abi_long opened_made(abi_long fd, int flags)
{
    char link[40], name[PATH_MAX], dir[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/thread-self/fd/%d", (int)fd);
    ssize_t n = readlink(link, name, sizeof(name) - 1);
    name[MAX(n, 0)] = 0;
    const ProcFile *file = file_named(name);
    if (!file || !file->make || !proc_fd_lies((int)fd, file->name, dir) || !file_is_in(file, dir)) {
        return fd;
    }
    return proc_instead(fd, open_made(file, dir, flags), flags);
}

abi_long proc_self_opened(abi_long fd, int dirfd, abi_ulong host_path, int flags)
{
    struct stat st;
    bool writes = flags & O_ACCMODE && !(flags & O_PATH);   /* nothing of ours can be */
    if (fd < 0 || writes || flags & O_DIRECTORY || fstat((int)fd, &st) < 0) {
        return fd;
    }
    if (G_UNLIKELY(proc_is_emulator(st.st_dev, st.st_ino))) {
        return proc_exe_opened(fd, dirfd, host_path, flags);
    }
    return reads_contents(flags) && may_be_of_proc(&st) ? opened_made(fd, flags) : fd;
}

void proc_self_renew(int fd)
{
    char path[PATH_MAX];
    int status = fcntl(fd, F_GETFL), closes = fcntl(fd, F_GETFD);
    if (status < 0 || closes < 0 || !proc_text_of(fd, path)) {
        return;
    }
    const ProcFile *file = file_named(path);
    *strrchr(path, '/') = '\0';
    int flags = (status & O_NONBLOCK) | (closes & FD_CLOEXEC ? O_CLOEXEC : 0);
    abi_long fresh = file && file_is_in(file, path) ? open_made(file, path, flags) : -1;
    if (fresh >= 0) {
        lseek((int)fresh, lseek(fd, 0, SEEK_CUR), SEEK_SET);
        proc_take_place((int)fresh, fd, flags);
    }
}
