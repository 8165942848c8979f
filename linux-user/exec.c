/*
 * linux-user/exec.c: execve and execveat. Source: fs/exec.c, fs/binfmt_script.c.
 *
 * A RISC-V program, and a script whose interpreter is one, is run by our own executable: the call
 * becomes  rivet OPTIONS -0 ARGV0 PATH ARGS...  with the options that this process has. Everything
 * else is the host kernel's business, which also makes the errors (binfmt_misc included).
 *
 * The call goes through safe_syscall(): a signal that comes first is delivered first. Strings are
 * the guest's own; what is allocated hangs on the Task, because after a vfork the parent has to
 * free it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <glib.h>

#include "linux-user/ids.h"
#include "exec/image.h"
#include "linux-user/loader.h"
#include "linux-user/limits.h"
#include "linux-user/mdwe.h"
#include "linux-user/owner.h"
#include "linux-user/proc_self.h"
#include "linux-user/script.h"
#include "linux-user/seccomp.h"
#include "linux-user/sys_common.h"
#include "linux-user/thread.h"

enum { SCRIPT_DEPTH = 5 };
enum { AT_EXECVE_CHECK_ = 0x10000 };            /* of Linux 6.14 */

/* O_PATH descriptor of our executable, or -1: /proc/self/exe will do. Set once, before the root
 * directory changes. */
static int self_fd = -1;
/* exec_options.image_at is a descriptor, of ours and for our children. Set at the start. */
static bool cache_kept;

typedef struct Scratch {
    GPtrArray *argv, *envp;         /* host pointers, NULL at the end */
    GPtrArray *strings;             /* ours among them */
} Scratch;

void exec_scratch_free(void *opaque)
{
    Scratch *s = opaque;
    if (s) {
        g_ptr_array_free(s->argv, TRUE);
        g_ptr_array_free(s->envp, TRUE);
        g_ptr_array_free(s->strings, TRUE);
        g_free(s);
    }
}

static Scratch *scratch_new(Task *task)
{
    exec_scratch_free(task->exec_scratch);
    Scratch *s = g_new0(Scratch, 1);
    s->argv = g_ptr_array_new();
    s->envp = g_ptr_array_new();
    s->strings = g_ptr_array_new_with_free_func(g_free);
    task->exec_scratch = s;
    return s;
}

void exec_adopt_self(int fd)
{
    self_fd = fd;
    fd_own(&self_fd);
}

void exec_keep_self(void)
{
    if (self_fd < 0) {
        int fd = open("/proc/thread-self/exe", O_PATH | O_CLOEXEC);
        if (fd >= 0) {
            exec_adopt_self(fd);
        }
    }
}

void exec_adopt_cache(int fd)
{
    exec_options.image_at = fd;
    fd_own(&exec_options.image_at);
    cache_kept = true;
}

void exec_keep_cache(void)
{
    const char *dir = exec_options.image_dir;
    if (dir && !cache_kept) {
        g_mkdir_with_parents(dir, 0700);
        int fd = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            exec_adopt_cache(fd);
        }
        exec_options.image_dir = fd >= 0 ? "." : NULL;
    }
}

/* A landlock domain of the guest's is about the guest's programs: what runs them is no less
 * allowed. */
abi_long sys_landlock_restrict_self(CPUState *cpu, const abi_ulong *a)
{
    exec_keep_self();
    static const uint64_t rights[] = { LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE,
                                       LANDLOCK_ACCESS_FS_EXECUTE, LANDLOCK_ACCESS_FS_READ_FILE };
    for (unsigned i = 0; i < G_N_ELEMENTS(rights); i++) {       /* those that the rules are about */
        struct landlock_path_beneath_attr rule = { .allowed_access = rights[i],
                                                   .parent_fd = self_fd };
        if (host_syscall(SYS_landlock_add_rule, a[0], LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) {
            break;
        }
    }
    return sys_forward(cpu, a);
}

/* ---- the file ---- */

/* What is to be executed, as the host's calls want it. */
typedef struct ExecFile {
    int dirfd;
    const char *path;               /* for the host */
    int guest_dirfd;
    const char *guest_path;         /* what the child is called after */
    const char *exe;                /* where it is, when that is a link to a process's program */
    int flags;                      /* of execveat */
    int fd;                         /* open for reading, -1: it may only be executed */
    struct stat st;
    FdRoom *room;                   /* has to end before the host's call */
    /* of a script: its interpreter's */
    bool set_user, set_group, has_caps;
    uint32_t user, group;
    struct vfs_cap_data caps;
} ExecFile;

static abi_long exec_check(const ExecFile *f)
{
    static const char *const argv[] = { "", NULL };
    return host_syscall(SYS_execveat, f->dirfd, f->path, argv, argv + 1,
                        f->flags | AT_EXECVE_CHECK_);
}

/* May it be executed? The kernel itself can tell since 6.14: no file that is open for writing may,
 * and who watches the file is told of the attempt. */
static abi_long exec_allowed(const ExecFile *f)
{
    abi_long ret = exec_check(f);
    if (ret != -EINVAL && ret != -ENOSYS) {
        return ret;
    }
    return faccessat(f->dirfd, f->path, X_OK, AT_EACCESS | f->flags) < 0 ? -errno : 0;
}

/* Check and open it: 0 or -errno. */
static abi_long exec_file_open(ExecFile *f)
{
    struct stat st;
    bool empty = !*f->path;
    if (fstatat(f->dirfd, f->path, &st, f->flags) < 0) {
        return -errno;
    }
    if (S_ISLNK(st.st_mode)) {
        return -ELOOP;
    }
    if (!S_ISREG(st.st_mode)) {
        return -EACCES;
    }
    char own[40];
    const char *path = f->path;
    if (empty) {
        snprintf(own, sizeof(own), "/proc/thread-self/fd/%d", f->dirfd);
        path = own;
    }
    abi_long ret = exec_allowed(f);
    if (ret < 0) {
        return ret;
    }
    f->fd = openat(f->dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 && errno != EACCES && !(empty && errno == ENOENT)) {  /* there is no /proc */
        return -errno;
    }
    f->st = st;
    f->set_user = st.st_mode & S_ISUID;
    f->set_group = (st.st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    f->has_caps = f->fd >= 0 && ids_file_caps(f->fd, &f->caps);
    f->user = st.st_uid;
    f->group = st.st_gid;
    if (f->fd >= 0) {
        owner_show(f->fd, 0, st.st_mode, &f->user, &f->group);
    }
    return 0;
}

/* Would a kernel execute the RISC-V program fd? 0 or -errno. */
static abi_long elf_check(int fd)
{
    char name[PATH_MAX], buf[PATH_MAX];
    abi_long ret = elf_check_program(fd, name);
    if (ret < 0 || !*name) {
        return ret;
    }
    ExecFile interp = { .dirfd = AT_FDCWD, .path = path_resolve(name, buf, true), .fd = -1 };
    ret = exec_file_open(&interp);
    if (interp.fd >= 0) {
        ret = elf_check_interp(interp.fd);
        close(interp.fd);
    }
    return ret;
}

/* Does rivet run this file? 1 yes, 0 no (the host kernel shall say what it is), or -errno. */
static abi_long runs_here(ExecFile *f)
{
    int at = f->fd;
    abi_long ret = -ELOOP;
    for (int depth = 0; depth <= SCRIPT_DEPTH; depth++) {
        ExecKind kind = exec_kind(at);
        if (kind != EXEC_SCRIPT) {
            ret = kind == EXEC_RISCV ? elf_check(at) : 0;
            ret = ret < 0 ? ret : kind == EXEC_RISCV;
            break;
        }
        char *name, *arg, buf[PATH_MAX];
        if (!script_parse(at, &name, &arg)) {
            ret = -ENOEXEC;
            break;
        }
        ExecFile interp = { .dirfd = AT_FDCWD, .path = path_resolve(name, buf, true), .fd = -1 };
        ret = exec_file_open(&interp);
        g_free(name);
        g_free(arg);
        ret = ret == 0 && interp.fd < 0 ? -EACCES : ret;
        if (ret < 0) {
            break;
        }
        if (at != f->fd) {
            close(at);
        }
        at = interp.fd;
        f->set_user = interp.set_user;
        f->set_group = interp.set_group;
        f->has_caps = interp.has_caps;
        f->caps = interp.caps;
        f->user = interp.user;
        f->group = interp.group;
        ret = -ELOOP;
    }
    if (at != f->fd) {
        close(at);
    }
    return ret;
}

/* ---- arguments ---- */

/* Append the guest's array of strings at addr. 0 or -EFAULT. */
static abi_long add_guest_strings(GPtrArray *out, abi_ulong addr)
{
    abi_ulong chunk[64];
    while (addr) {
        /* up to the end of the page, beyond which there may be nothing */
        abi_ulong n = MIN((4096 - addr % 4096 + 7) / 8, G_N_ELEMENTS(chunk));
        if (!guest_read(chunk, addr, n * sizeof(chunk[0]))) {
            return -EFAULT;
        }
        for (abi_ulong i = 0; i < n; i++) {
            if (!chunk[i]) {
                return 0;
            }
            g_ptr_array_add(out, g2h(chunk[i]));
        }
        addr += n * sizeof(chunk[0]);
    }
    return 0;
}

static char *keep(Scratch *s, char *string)
{
    g_ptr_array_add(s->strings, string);
    return string;
}

static void add_option(Scratch *s, const char *flag, const char *value)
{
    g_ptr_array_add(s->argv, (char *)flag);
    if (value) {
        g_ptr_array_add(s->argv, (char *)value);
    }
}

/* The options that this process was started with, or their like. */
static void add_started_options(Scratch *s)
{
    if (user_options.inherited) {
        for (char **o = user_options.inherited; *o; o++) {
            add_option(s, *o, NULL);
        }
        return;
    }
    if (*user_options.ld_prefix) {
        add_option(s, "-L", user_options.ld_prefix);
    }
    if (strcmp(user_options.cpu_model, "max") != 0) {
        add_option(s, "-cpu", user_options.cpu_model);
    }
    if (user_options.uname_release) {
        add_option(s, "-r", user_options.uname_release);
    }
    if (user_options.stack_size) {
        char *size = g_strdup_printf("%llu", (unsigned long long)user_options.stack_size);
        g_ptr_array_add(s->strings, size);
        add_option(s, "-s", size);
    }
    if (user_options.strace) {
        add_option(s, "-strace", NULL);
    }
    if (user_options.one_insn_per_tb) {
        add_option(s, "-one-insn-per-tb", NULL);
    }
    if (user_options.tier) {
        add_option(s, "-tier", user_options.tier);
    }
}

/* The users of f when it runs, where they are emulated. */
static char *ids_of(const ExecFile *f)
{
    bool same = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0;
    return ids_state(f->set_user && !same ? &f->user : NULL,
                     f->set_group && !same ? &f->group : NULL,
                     f->has_caps && !same ? &f->caps : NULL);
}

/* The options that a child gets. */
static void add_options(Scratch *s, const ExecFile *f)
{
    add_started_options(s);
    if (self_fd >= 0) {             /* the child may need it as much as we do */
        add_option(s, "-selffd", keep(s, g_strdup_printf("%d", dup(self_fd))));
    }
    if (cache_kept) {
        add_option(s, "-cachefd", keep(s, g_strdup_printf("%d", dup(exec_options.image_at))));
    }
    if (mdwe_inherited()) {
        add_option(s, "-mdwe", NULL);
    }
    char *limits = limits_text();
    if (limits) {
        add_option(s, "-limits", keep(s, limits));
    }
    if (path_is_root()) {
        add_option(s, "-root-paths", path_prefix());
    }
    if (path_is_root() || ids.on) {
        add_option(s, "-ids", keep(s, ids_of(f)));
    }
}

/* How the child names the program, which it gets open as well: the path may lead through a
 * descriptor that closes. NULL: a script known by such a descriptor alone. */
static const char *child_path(Scratch *s, const ExecFile *f)
{
    const char *name = f->guest_path;
    if (f->guest_dirfd != AT_FDCWD && name[0] != '/') {
        /* a script's interpreter opens it by that name */
        if (exec_kind(f->fd) == EXEC_SCRIPT && fcntl(f->guest_dirfd, F_GETFD) & FD_CLOEXEC) {
            return NULL;
        }
        if (!*name) {
            add_option(s, "-byfd", NULL);
        }
        name = keep(s, g_strdup_printf("/dev/fd/%d%s%s", f->guest_dirfd, *name ? "/" : "", name));
    }
    if (f->exe) {
        add_option(s, "-execfn", name);
        name = f->exe;
    }
    fcntl(f->fd, F_SETFD, 0); /* rivet closes it, as we do when the call fails */
    add_option(s, "-execfd", keep(s, g_strdup_printf("%d", f->fd)));
    return name[0] == '-' ? keep(s, g_strconcat("./", name, NULL)) : name;
}

/* ---- the call ---- */

static abi_long exec_self(Scratch *s, const ExecFile *f, char **envp)
{
    fd_room_end(f->room);
    abi_long ret = -ENOENT;
    if (self_fd >= 0) {
        ret = safe_syscall(SYS_execveat, (abi_ulong)self_fd, host_arg(""), host_arg(s->argv->pdata),
                           host_arg(envp), AT_EMPTY_PATH, 0);
    }
    if (ret == -ENOENT || ret == -EBADF || ret == -ENOSYS) {
        ret = safe_syscall(SYS_execve, host_arg("/proc/thread-self/exe"),
                           host_arg(s->argv->pdata), host_arg(envp), 0, 0, 0);
    }
    return ret;
}

static abi_long exec_rivet(Task *task, Scratch *s, const ExecFile *f, char **envp)
{
    GPtrArray *guest = s->argv;
    int filters = -1;
    if (task->seccomp && (filters = seccomp_save(task)) < 0) {
        return filters;
    }
    s->argv = g_ptr_array_sized_new(guest->len + 32);
    add_option(s, "rivet", NULL);
    add_options(s, f);
    if (filters >= 0) {
        add_option(s, "-seccomp", keep(s, g_strdup_printf("%d", filters)));
    }
    char *traced = ptrace_exec_argument(task);
    if (traced) {
        add_option(s, "-traced", keep(s, traced));
    }
    const char *path = child_path(s, f);
    if (!path) {
        g_ptr_array_free(guest, TRUE);
        if (filters >= 0) {
            close(filters);
        }
        return -ENOENT;
    }
    add_option(s, "-0", guest->pdata[0]);
    add_option(s, path, NULL);
    for (guint i = 1; i < guest->len; i++) {
        g_ptr_array_add(s->argv, guest->pdata[i]);
    }
    g_ptr_array_add(s->argv, NULL);
    g_ptr_array_free(guest, TRUE);
    abi_long ret = exec_self(s, f, envp);
    if (filters >= 0) {
        close(filters);
    }
    return ret;
}

/* The host's program starts without our PR_SET_MDWE: it could not be taken back where the call
 * fails, and would bind the translator, of the parent as well after a vfork. */
static abi_long exec_host(Scratch *s, const ExecFile *f, char **envp)
{
    fd_room_end(f->room);
    if (s->argv->pdata[s->argv->len - 1]) {
        g_ptr_array_add(s->argv, NULL);
    }
    if (f->dirfd == AT_FDCWD && !f->flags) {
        return safe_syscall(SYS_execve, host_arg(f->path), host_arg(s->argv->pdata), host_arg(envp),
                            0, 0, 0);
    }
    return safe_syscall(SYS_execveat, (abi_ulong)f->dirfd, host_arg(f->path),
                        host_arg(s->argv->pdata), host_arg(envp), (abi_ulong)f->flags, 0);
}

/* What only the kernel can do, through binfmt_misc: give rights that the file has; and run what
 * has no /proc to find us by. */
static bool needs_kernel(const ExecFile *f)
{
    return f->set_user || f->set_group || f->has_caps ||
           (self_fd < 0 && access("/proc/thread-self/exe", F_OK) < 0);
}

static abi_long exec_with(Task *task, ExecFile *f, abi_ulong argv, abi_ulong envp)
{
    Scratch *s = scratch_new(task);
    abi_long ret;
    if ((ret = add_guest_strings(s->argv, argv)) < 0 ||
        (ret = add_guest_strings(s->envp, envp)) < 0) {
        return ret;
    }
    if (s->argv->len == 0) {
        g_ptr_array_add(s->argv, (char *)"");   /* Linux 5.18: there is always an argv[0] */
    }
    g_ptr_array_add(s->envp, NULL);
    char **env = (char **)s->envp->pdata;

    /* What we may not read only the host's kernel can execute, RISC-V programs through
     * binfmt_misc. */
    abi_long here = f->fd < 0 ? 0 : runs_here(f);
    if (here < 0) {
        return here;
    }
    if (!task->is_vfork_child) {
        image_save();
    }
    signal_exec_prepare(task);
    ret = -ENOEXEC;
    bool by_kernel = !here || (!ids.on && needs_kernel(f));
    if (by_kernel && !task->seccomp && !path_is_root()) {
        /* Under filters, and a root that is a matter of paths, there is nothing but RISC-V: they
         * could not hold for the host's programs. */
        struct rlimit before[2];
        limits_to_host(before);
        ret = exec_host(s, f, env);
        limits_of_host(before);
    }
    if (here && ret == -ENOEXEC) {
        ret = exec_rivet(task, s, f, env);
    }
    signal_exec_failed(task);
    return f->fd < 0 && ret == -ENOEXEC ? -EACCES : ret;
}

/* f is the program of a process. */
static void exec_exe(ExecFile *f, const char *exe, char buf[PATH_MAX])
{
    f->exe = exe;
    f->path = proc_exe_host(exe, buf);
    f->dirfd = AT_FDCWD;
    f->flags = 0;
}

static abi_long try_exec(CPUState *cpu, int dirfd, abi_ulong path, abi_ulong argv, abi_ulong envp,
                         int flags, FdRoom *room)
{
    Task *task = cpu->opaque;
    char guest_path[PATH_MAX], buf[PATH_MAX];
    abi_long len = guest_strnlen(path, PATH_MAX);
    if (len < 0) {
        return -EFAULT;
    }
    if (len >= PATH_MAX) {
        return -ENAMETOOLONG;
    }
    if (!guest_read(guest_path, path, (size_t)len + 1)) {
        return -EFAULT;
    }
    if (!len && !(flags & AT_EMPTY_PATH)) {
        return -ENOENT;
    }
    if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_EXECVE_CHECK_)) {
        return -EINVAL;
    }
    ExecFile f = { .dirfd = dirfd, .flags = flags, .fd = -1, .room = room,
                   .guest_dirfd = dirfd, .guest_path = guest_path };
    char exe_buf[PATH_MAX];
    const char *exe = proc_exe(dirfd, path, exe_buf);
    if (exe) {
        exec_exe(&f, exe, buf);
    } else {
        f.path = path_resolve_at(dirfd, guest_path, buf, !(flags & AT_SYMLINK_NOFOLLOW));
    }
    if (!f.path) {
        return -errno;
    }
    if (flags & AT_EXECVE_CHECK_) {
        return exec_check(&f);
    }
    abi_long ret = exec_file_open(&f);
    if (ret == 0 && proc_is_emulator(f.st.st_dev, f.st.st_ino) &&
        (exe = proc_exe_behind(f.dirfd, host_arg(f.path), exe_buf))) {
        close(f.fd);
        exec_exe(&f, exe, buf);
        ret = exec_file_open(&f);
    }
    if (ret == 0) {
        ret = exec_with(task, &f, argv, envp);
        if (f.fd >= 0) {
            close(f.fd);
        }
    }
    exec_scratch_free(task->exec_scratch);
    task->exec_scratch = NULL;
    return ret;
}

/* The kernel takes no descriptor for what it reads; we do, if need be beyond the guest's limit. */
static abi_long do_exec(CPUState *cpu, int dirfd, abi_ulong path, abi_ulong argv, abi_ulong envp,
                        int flags)
{
    FdRoom room = {0};
    abi_long ret = try_exec(cpu, dirfd, path, argv, envp, flags, &room);
    if (ret == -EMFILE && fd_room_make(&room)) {
        ret = try_exec(cpu, dirfd, path, argv, envp, flags, &room);
        fd_room_end(&room);
    }
    return ret;
}

abi_long sys_execve(CPUState *cpu, const abi_ulong *a)
{
    return do_exec(cpu, AT_FDCWD, a[0], a[1], a[2], 0);
}

abi_long sys_execveat(CPUState *cpu, const abi_ulong *a)
{
    return do_exec(cpu, (int)a[0], a[1], a[2], a[3], (int)a[4]);
}
