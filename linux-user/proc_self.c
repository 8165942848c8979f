/*
 * linux-user/proc_self.c: the files of /proc that must show the guest.
 *
 * The kernel is told where the guest's arguments, environment and code are (PR_SET_MM_MAP), so that
 * what it shows of this process, to others as well, is right by itself. What it cannot be told has
 * one row a name in proc_files[]. Their text is made when they are opened, and given as a read-only
 * memfd; so a descriptor that is kept open does not follow later changes (the kernel's would).
 *
 * The exe link of another process that runs under the same emulator leads to the file that is mapped
 * where its code begins.
 */
#include <dirent.h>
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

#include "linux-user/mmap.h"
#include "linux-user/proc_self.h"
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
    /* It keeps as many entries of the auxiliary vector as its own programs have: others may miss our last. */
    for (int spare = 0; spare <= MAX_SPARE_AUX; spare++) {
        published = prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0) == 0;
        if (published || errno != EINVAL) {
            break;
        }
        map.auxv_size -= 2 * sizeof(abi_ulong);
    }
}

/* --- the rest ----------------------------------------------------------------------------------- */

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

/* "<mount>/<pid>[/task/<tid>]" is of this process, asked of the mount itself: its numbers may be those
 * of another pid namespace. */
static bool is_our_task(char *dir)
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
    return is_our_task(dir) ? proc_self_maps() : proc_other_maps(dir);
}

static GString *make_smaps(char *dir)
{
    return is_our_task(dir) ? proc_self_smaps() : proc_other_smaps(dir);
}

static char *host_text(const char *dir, const char *name)
{
    char *path = g_strdup_printf("%s/%s", dir, name);
    char *text = proc_host_text(path);
    g_free(path);
    return text;
}

/* The host's lines with the signals that are the guest's, and the size without the emulator's. */
static GString *make_status(char *dir)
{
    char *text = host_text(dir, "status");
    char **lines = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);
    uint64_t caught, ignored;
    unsigned long kb, peak = 0;
    signal_dispositions(current_task, &caught, &ignored);
    for (char **l = lines; *l && **l; l++) {
        if (g_str_has_prefix(*l, "SigCgt:")) {
            g_string_append_printf(out, "SigCgt:\t%016" PRIx64 "\n", caught);
        } else if (g_str_has_prefix(*l, "SigIgn:")) {
            g_string_append_printf(out, "SigIgn:\t%016" PRIx64 "\n", ignored);
        } else if (sscanf(*l, "VmPeak: %lu", &peak) == 1) {
            /* with what follows: VmSize */
        } else if (sscanf(*l, "VmSize: %lu", &kb) == 1) {
            unsigned long size = guest_map_size() / 1024;
            g_string_append_printf(out, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\n", size + MAX(peak, kb) - kb, size);
        } else {
            g_string_append_printf(out, "%s\n", *l);
        }
    }
    g_strfreev(lines);
    g_free(text);
    return out;
}

/* The host's line with the fields about addresses and signals replaced (proc(5), fields count from 1). */
static GString *make_stat(char *dir)
{
    char *text = host_text(dir, "stat");
    const uint64_t low = 0x7fffffff;    /* of signals it has the first 31 only */
    uint64_t caught, ignored;
    signal_dispositions(current_task, &caught, &ignored);
    GString *out = g_string_new(NULL);
    char *comm_end = strrchr(text, ')');
    if (!comm_end) {
        g_free(text);
        return out;
    }
    struct { unsigned field; abi_ulong value; } const ours[] = {
        { 23, guest_map_size() },       { 33, ignored & low },      { 34, caught & low },
        { 26, process.start_code }, { 27, process.end_code },   { 28, process.start_stack },
        { 45, process.start_data }, { 46, process.end_data },   { 47, process.start_brk },
        { 48, process.arg_start },  { 49, process.arg_end },    { 50, process.env_start },
        { 51, process.env_end },
    };
    g_string_append_len(out, text, comm_end + 1 - text);
    char **fields = g_strsplit(g_strchomp(comm_end + 1), " ", -1);
    /* fields[0] is the empty string before field 3 */
    for (unsigned i = 1; fields[0] && fields[i]; i++) {
        bool done = false;
        for (unsigned k = 0; k < G_N_ELEMENTS(ours) && !done; k++) {
            if (ours[k].field == i + 2) {
                g_string_append_printf(out, " %lu", ours[k].value);
                done = true;
            }
        }
        if (!done) {
            g_string_append_printf(out, " %s", fields[i]);
        }
    }
    g_string_append_c(out, '\n');
    g_strfreev(fields);
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

/* --- which file it is --------------------------------------------------------------------------- */

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
    { "exe", PROC_ANY_TASK, NULL },         /* first: a link, see proc_exe() */
    { "mem", PROC_ANY_TASK, NULL },         /* nothing is made, only noted */
    { "maps", PROC_ANY_TASK, make_maps },
    { "smaps", PROC_ANY_TASK, make_smaps },
    { "cmdline", PROC_TASK, make_cmdline },
    { "environ", PROC_TASK, make_environ },
    { "auxv", PROC_TASK, make_auxv },
    { "stat", PROC_TASK, make_stat },
    { "status", PROC_TASK, make_status },
    { "cpuinfo", PROC_ROOT, make_cpuinfo },
    { "arch", PROC_KERNEL, make_arch },
    { "osrelease", PROC_KERNEL, make_osrelease },
};
#define EXE_FILE (&proc_files[0])
#define MEM_FILE (&proc_files[1])

enum { LONGEST_NAME = 9 };

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

/* The same for a guest path, of which only the end is read: nearly all paths stop here. */
static const ProcFile *guest_file_named(abi_ulong path)
{
    char tail[LONGEST_NAME + 2] = "";
    abi_long len = path ? guest_strnlen(path, PATH_MAX) : -1;
    if (len <= 0 || len >= PATH_MAX) {
        return NULL;
    }
    size_t n = MIN((size_t)len, sizeof(tail) - 1);
    if (!guest_read(tail, path + (abi_ulong)len - n, n)) {
        return NULL;
    }
    /* a longer name than any of ours has no slash in its tail */
    if ((size_t)len > n && !strchr(tail, '/')) {
        return NULL;
    }
    return file_named(tail);
}

/* Where fd (O_PATH) lies on a proc mount: its directory in dir, true when it is `file`. */
static bool fd_is_file(int fd, const ProcFile *file, char dir[PATH_MAX])
{
    struct statfs fs;
    char link[32];
    if (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC) {
        return false;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, dir, PATH_MAX - 1);
    if (n <= 0) {
        return false;
    }
    dir[n] = 0;
    char *slash = strrchr(dir, '/');
    if (!slash || slash == dir || strcmp(slash + 1, file->name) != 0) {
        return false;
    }
    *slash = 0;
    switch (file->where) {
    case PROC_ROOT:
        return strchr(dir + 1, '/') == NULL || g_str_has_suffix(dir, "/proc");
    case PROC_KERNEL:
        return g_str_has_suffix(dir, "/sys/kernel");
    case PROC_TASK:
        return is_our_task(dir);
    case PROC_ANY_TASK:
        return true;
    }
    return false;
}

static bool path_is_file(int dirfd, abi_ulong host_path, const ProcFile *file, char dir[PATH_MAX])
{
    abi_long fd = host_call(__NR_openat, (abi_ulong)dirfd, host_path, O_PATH | O_NOFOLLOW | O_CLOEXEC,
                            0, 0, 0);
    if (fd < 0) {
        return false;
    }
    bool is = fd_is_file((int)fd, file, dir);
    close((int)fd);
    return is;
}

/* --- exe ---------------------------------------------------------------------------------------- */

/* The process of directory dir runs the same emulator as we. */
static bool is_rivet(const char *dir)
{
    char link[PATH_MAX + 8];
    struct stat it, we;
    snprintf(link, sizeof(link), "%s/exe", dir);
    return stat(link, &it) == 0 && stat("/proc/self/exe", &we) == 0 && it.st_dev == we.st_dev &&
           it.st_ino == we.st_ino;
}

/* Where its code begins, 0 when that is not for us to know. */
static abi_ulong start_code_of(const char *dir)
{
    enum { START_CODE = 26, AFTER_COMM = 3 };   /* proc(5), fields count from 1 */
    char path[PATH_MAX + 8];
    snprintf(path, sizeof(path), "%s/stat", dir);
    char *text = proc_host_text(path), *at = strrchr(text, ')');
    for (unsigned field = AFTER_COMM; at && field <= START_CODE; field++) {
        at = strchr(at + 1, ' ');
    }
    abi_ulong start = at ? strtoul(at, NULL, 10) : 0;
    g_free(text);
    return start;
}

/* The guest's path of the file that another process has mapped at addr. */
static bool file_mapped_at(const char *dir, abi_ulong addr, char path[PATH_MAX])
{
    char maps[PATH_MAX + 8];
    bool found = false;
    snprintf(maps, sizeof(maps), "%s/maps", dir);
    char *text = proc_host_text(maps);
    char **lines = g_strsplit(text, "\n", -1);
    for (char **l = lines; *l && !found; l++) {
        ProcMapLine m;
        if (proc_map_line(*l, &m) && addr >= m.start && addr < m.end && m.name[0] == '/') {
            const char *prefix = path_prefix();
            size_t len = strlen(prefix);
            bool inside = len && strncmp(m.name, prefix, len) == 0 && m.name[len] == '/';
            found = g_strlcpy(path, inside ? m.name + len : m.name, PATH_MAX) < PATH_MAX;
        }
    }
    g_strfreev(lines);
    g_free(text);
    return found;
}

/* dir is the directory of some process. */
static const char *exe_of(char dir[PATH_MAX], char path[PATH_MAX])
{
    if (is_our_task(dir)) {
        return process.exec_path;
    }
    abi_ulong start = is_rivet(dir) ? start_code_of(dir) : 0;
    return start && file_mapped_at(dir, start, path) ? path : NULL;
}

const char *proc_exe(int dirfd, abi_ulong path, char buf[PATH_MAX])
{
    char dir[PATH_MAX], first;
    if (!path || !guest_read(&first, path, 1)) {
        return NULL;
    }
    bool is = first ? guest_file_named(path) == EXE_FILE &&
                          path_is_file(dirfd, shift_arg(path), EXE_FILE, dir)
                    : dirfd >= 0 && fd_is_file(dirfd, EXE_FILE, dir);
    return is ? exe_of(dir, buf) : NULL;
}

bool proc_self_path_is_exe(int dirfd, const char *path)
{
    char dir[PATH_MAX];
    return file_named(path) == EXE_FILE && path_is_file(dirfd, host_arg(path), EXE_FILE, dir) &&
           is_our_task(dir);
}

bool proc_runs_file(const struct stat *file)
{
    bool runs = false;
    struct dirent *e;
    DIR *proc = opendir("/proc");
    while (proc && !runs && (e = readdir(proc))) {
        char dir[PATH_MAX], path[PATH_MAX], buf[PATH_MAX];
        if (e->d_name[0] < '0' || e->d_name[0] > '9') {
            continue;
        }
        snprintf(dir, sizeof(dir), "/proc/%s", e->d_name);
        const char *exe = exe_of(dir, path);
        struct stat st;
        runs = exe && stat(path_resolve(exe, buf, true), &st) == 0 && st.st_ino == file->st_ino &&
               st.st_dev == file->st_dev;
    }
    if (proc) {
        closedir(proc);
    }
    return runs;
}

/* --- open --------------------------------------------------------------------------------------- */

/* No file of the guest's is sealed like that by chance. */
enum { TEXT_SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

bool proc_self_is_text(int fd, const char *name)
{
    char link[32], target[32] = "";
    if (fcntl(fd, F_GET_SEALS) != TEXT_SEALS) {
        return false;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return readlink(link, target, sizeof(target) - 1) > 0 && g_str_has_prefix(target, "/memfd:") &&
           g_str_has_prefix(target + strlen("/memfd:"), name);
}

/* What is open as fd is open as `number` instead, whose file is closed. */
static abi_long take_place(int fd, int number, int flags)
{
    dup3(fd, number, flags & O_CLOEXEC);
    close(fd);
    return number;
}

/* No file of this process may be so long: a pipe, if it has room. */
static abi_long text_pipe(const GString *text, int flags)
{
    int p[2];
    if (pipe2(p, O_CLOEXEC | (flags & O_NONBLOCK)) < 0) {
        return -errno;
    }
    fcntl(p[1], F_SETPIPE_SZ, text->len);
    bool whole = fcntl(p[1], F_GETPIPE_SZ) >= (int)text->len &&
                 write(p[1], text->str, text->len) == (ssize_t)text->len;
    close(p[1]);
    if (!whole) {
        close(p[0]);
        return PROC_NOT_OURS;
    }
    fcntl(p[0], F_SETFD, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
    return p[0];
}

/* A descriptor, the lowest that was free, on which `text` is read, opened as `flags` say. */
static abi_long text_fd(const char *name, const GString *text, int flags)
{
    char link[32];
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < text->len) {
        return text_pipe(text, flags);
    }
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return -errno;
    }
    for (size_t done = 0; done < text->len;) {
        ssize_t n = write(fd, text->str + done, text->len - done);
        if (n <= 0) {
            close(fd);
            return -ENOMEM;
        }
        done += (size_t)n;
    }
    fcntl(fd, F_ADD_SEALS, TEXT_SEALS);
    /* once more through /proc: read-only, at offset 0, with the flags asked for */
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    int ro = open(link, O_CLOEXEC | (flags & O_NONBLOCK));
    if (ro < 0) {
        abi_long ret = -errno;
        close(fd);
        return ret;
    }
    return take_place(ro, fd, flags);
}

static abi_long open_exe(char dir[PATH_MAX], int flags)
{
    char exe[PATH_MAX], buf[PATH_MAX];
    const char *path = exe_of(dir, exe);
    if (!path) {
        return PROC_NOT_OURS;
    }
    if (flags & (O_ACCMODE | O_TRUNC) && !(flags & O_PATH)) {
        return -ETXTBSY;
    }
    path = path_resolve(path, buf, true);
    return safe_syscall(__NR_openat, (abi_ulong)AT_FDCWD, host_arg(path), (abi_ulong)flags, 0, 0, 0);
}

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
    bool ours = file->where != PROC_ANY_TASK || is_our_task(dir);
    abi_long fd = text_fd(ours ? file->name : "another's", text, flags);
    g_string_free(text, TRUE);
    return fd;
}

abi_long proc_self_open(int dirfd, abi_ulong path, int flags)
{
    char dir[PATH_MAX];
    const ProcFile *file = guest_file_named(path);
    if (!file || !path_is_file(dirfd, shift_arg(path), file, dir)) {
        return PROC_NOT_OURS;
    }
    if (file == MEM_FILE) {
        if (flags & O_ACCMODE) {
            ptrace_memory_opened();
        }
        return PROC_NOT_OURS;
    }
    if (file == EXE_FILE) {
        return flags & O_NOFOLLOW ? PROC_NOT_OURS : open_exe(dir, flags);
    }
    return reads_contents(flags) ? open_made(file, dir, flags) : PROC_NOT_OURS;
}

/* /proc has files without a size, on a device without a number of its own: others cost one fstat(). */
static bool may_be_of_proc(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0 && major(st.st_dev) == 0;
}

abi_long proc_self_opened(abi_long fd, int flags)
{
    char link[32], name[PATH_MAX], dir[PATH_MAX];
    if (fd < 0 || !reads_contents(flags) || !may_be_of_proc((int)fd)) {
        return fd;
    }
    snprintf(link, sizeof(link), "/proc/self/fd/%d", (int)fd);
    ssize_t n = readlink(link, name, sizeof(name) - 1);
    name[MAX(n, 0)] = 0;
    const ProcFile *file = file_named(name);
    if (!file || !file->make || !fd_is_file((int)fd, file, dir)) {
        return fd;
    }
    abi_long made = open_made(file, dir, flags);
    if (made == PROC_NOT_OURS) {
        return fd;
    }
    if (made < 0) {
        close((int)fd);
        return made;
    }
    return take_place((int)made, (int)fd, flags);
}
