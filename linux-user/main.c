/*
 * linux-user/main.c: from a command line to a running guest.
 *
 * Whatever is wrong with the command line or the file is one line on stderr and exit status 1. The
 * order matters: guest_base is known only when the program is mapped, and exec_init() needs it.
 */
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "exec/cpu_exec.h"
#include "exec/log.h"
#include "linux-user/binfmt.h"
#include "linux-user/ids.h"
#include "linux-user/limits.h"
#include "linux-user/mdwe.h"
#include "linux-user/loader.h"
#include "linux-user/mmap.h"
#include "linux-user/options.h"
#include "linux-user/path.h"
#include "linux-user/proc_self.h"
#include "linux-user/root.h"
#include "linux-user/script.h"
#include "linux-user/seccomp.h"
#include "linux-user/signal.h"
#include "linux-user/sys_common.h"
#include "linux-user/thread.h"
#include "linux-user/syscall.h"

enum { PRESERVE_ARGV0 = 1, MAX_SCRIPTS = 5 };   /* AT_FLAGS bit of binfmt_misc's P; fs/exec.c */

/* A program being looked for: a file, and the arguments it gets. */
typedef struct Program {
    const char *path;               /* as the guest would name it */
    char host_path[PATH_MAX];       /* where it is; unset when it came as a descriptor */
    int fd;
    int argc;
    char **argv;
} Program;

/* One line, whatever a file or its name has in it. */
static _Noreturn void die(const char *text)
{
    char *line = g_strdup_printf("rivet: %s", text);
    for (char *p = line; *p; p++) {
        *p = g_ascii_iscntrl(*p) ? '?' : *p;
    }
    fprintf(stderr, "%s\n", line);
    exit(1);
}

/* How the kernel started us, when it was binfmt_misc; *fd is then the program's, or -1. */
static BinfmtInfo binfmt_info(const char *self, int *fd)
{
    errno = 0;
    unsigned long execfd = getauxval(AT_EXECFD);        /* may well be 0 */
    bool has_fd = errno == 0;
    bool flagged = getauxval(AT_FLAGS) & PRESERVE_ARGV0;
    bool named = self && g_str_has_suffix(self, "-binfmt-P");
    *fd = has_fd ? (int)execfd : -1;
    return (BinfmtInfo){
        .exec_arg = has_fd || flagged ? (const char *)getauxval(AT_EXECFN) : NULL,
        .no_options = has_fd || flagged || named,
        .argv0_given = flagged || named,
        .secure = getauxval(AT_SECURE) != 0,
    };
}

static bool open_program(Program *p, GError **err)
{
    char buf[PATH_MAX];
    const char *host = path_resolve(p->path, buf, true);
    if (p->fd < 0) {
        p->fd = open(host, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (p->fd < 0) {
            g_set_error(err, RIVET_LOAD_ERROR, 1, "%s: %s", p->path, g_strerror(errno));
            return false;
        }
        /* The mode, not access(): programs on a file system mounted noexec do run. */
        struct stat st;
        if (fstat(p->fd, &st) == 0 && S_ISREG(st.st_mode) && !(st.st_mode & 0111)) {
            g_set_error(err, RIVET_LOAD_ERROR, 1, "%s: Permission denied: not marked executable",
                        p->path);
            return false;
        }
    }
    g_strlcpy(p->host_path, host, sizeof(p->host_path));
    return true;
}

/* p is a script: becomes its interpreter. */
static bool enter_script(Program *p, GError **err)
{
    char *interp, *arg;
    if (!script_parse(p->fd, &interp, &arg)) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "%s: its first line names no interpreter", p->path);
        return false;
    }
    char **argv = g_new(char *, (size_t)p->argc + 3);
    int n = 0;
    argv[n++] = interp;
    if (arg) {
        argv[n++] = arg;
    }
    argv[n++] = (char *)p->path;
    for (int i = 1; i < p->argc; i++) {
        argv[n++] = p->argv[i];
    }
    argv[n] = NULL;
    close(p->fd);
    const char *script = p->path;
    p->fd = -1;
    p->path = interp;
    p->argc = n;
    p->argv = argv;
    GError *why = NULL;
    if (!open_program(p, &why)) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "%s: cannot open its interpreter %s", script,
                    why->message);
        g_error_free(why);
        return false;
    }
    return true;
}

/* Open the program; scripts lead to their interpreter, or to execve() if the host runs that. */
static bool find_program(Program *p, char **envp, GError **err)
{
    if (!open_program(p, err)) {
        return false;
    }
    for (int depth = 0; exec_kind(p->fd) == EXEC_SCRIPT; depth++) {
        if (depth == MAX_SCRIPTS) {
            g_set_error(err, RIVET_LOAD_ERROR, 1, "%s: too many scripts run by scripts", p->path);
            return false;
        }
        if (!enter_script(p, err)) {
            return false;
        }
        if (exec_kind(p->fd) == EXEC_HOST && !path_is_root()) {
            execve(p->host_path, p->argv, envp);
        }
    }
    return true;
}

/* The guest's name of the file that runs, absolute and without links, for /proc/self/exe. */
static const char *exec_path_of(const Program *p)
{
    char link[32], host[PATH_MAX];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", p->fd);
    ssize_t n = readlink(link, host, sizeof(host) - 1);
    if (n > 0) {
        host[n] = '\0';
    } else if (!realpath(p->host_path, host)) {
        return p->path;
    }
    if (path_is_root()) {
        return g_strdup(path_to_guest(host));
    }
    /* Found under the prefix by its name in the guest: that is what the guest is told. */
    size_t len = strlen(path_prefix());
    bool overlaid = strcmp(p->path, p->host_path) != 0;
    return g_strdup(overlaid && strncmp(host, path_prefix(), len) == 0 ? host + len : host);
}

/* Does its path lead back to the program, on the same mount? */
static bool found_by_path(const Program *p)
{
    enum { WHAT = STATX_INO | STATX_MNT_ID };
    struct statx is, found;
    char buf[PATH_MAX];
    return statx(p->fd, "", AT_EMPTY_PATH, WHAT, &is) == 0 &&
           statx(AT_FDCWD, path_resolve(process.exec_path, buf, true), 0, WHAT, &found) == 0 &&
           is.stx_ino == found.stx_ino && is.stx_dev_major == found.stx_dev_major &&
           is.stx_dev_minor == found.stx_dev_minor && is.stx_mnt_id == found.stx_mnt_id;
}

static bool load(Program *p, const CommandLine *cl, abi_ulong *sp, GError **err)
{
    guest_base = cl->guest_base;
    if (cl->reserved && !guest_reserve(cl->reserved, stack_size())) {
        g_set_error(err, RIVET_LOAD_ERROR, 1, "-R %#lx: the host has no room for that",
                    cl->reserved);
        return false;
    }
    if (!elf_load(p->fd, p->path, err) || !vdso_map(err)) {
        return false;
    }
    if (found_by_path(p)) {
        close(p->fd);
    } else {
        process.exec_fd = p->fd;
        fd_own(&process.exec_fd);
    }
    return stack_build(p->argc, p->argv, cl->envp, sp, err);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The process is called after what was executed, or if a descriptor was, after the program's file
 * (Linux 6.14). by_kernel: it has called us so, or after the file that we are. */
static void set_comm(bool by_fd, bool by_kernel)
{
    enum { COMM_SIZE = 16 };
    char name[COMM_SIZE];
    const char *called = base_name(process.exec_arg);
    g_strlcpy(name, called, sizeof(name));
    if (by_kernel) {
        char has[COMM_SIZE];
        by_fd = prctl(PR_GET_NAME, has) == 0 && strcmp(has, name) != 0;
    }
    if (by_fd) {
        static const char deleted[] = " (deleted)";
        const char *file = base_name(process.exec_path);
        size_t n = strlen(file) - (g_str_has_suffix(file, deleted) ? strlen(deleted) : 0);
        g_strlcpy(name, file, MIN(n + 1, sizeof(name)));
    }
    prctl(PR_SET_NAME, name);
}

static _Noreturn void run(abi_ulong sp, int seccomp_fd, const char *traced)
{
    exec_options.guest_base = guest_base;
    exec_options.ecall_stays = syscall_returns;
    exec_init();
    if (guest_base) {
        syscall(SYS_arch_prctl, ARCH_SET_GS, guest_base);
    }
    CPUState *cpu = cpu_create();
    cpu->env.pc = process.entry;
    cpu->env.gpr[RV_SP] = sp;
    Task *task = task_new(cpu);
    if (seccomp_fd >= 0 && !seccomp_restore(task, seccomp_fd)) {
        die("-seccomp: not a file of filters");
    }
    signal_init();
    signal_init_thread(task);
    if (traced) {
        ptrace_exec_done(cpu, traced);
    }
    cpu_loop(cpu);
}

/* What else there is to do than to run a program. The exit status. */
static int act(const CommandLine *cl)
{
    char self[PATH_MAX];
    GError *err = NULL;
    bool ok = true;
    switch (cl->action) {
    case OPTIONS_HELP:
        options_help(stdout);
        break;
    case OPTIONS_VERSION:
        puts("rivet version " RIVET_VERSION);
        break;
    case OPTIONS_LOG_HELP:
        log_help(stdout);
        break;
    case OPTIONS_CPU_HELP:
        rv_cpu_help(stdout);
        break;
    case OPTIONS_BINFMT_INSTALL:
        ok = binfmt_install(cl->binfmt_dir, realpath("/proc/self/exe", self), &err);
        break;
    case OPTIONS_BINFMT_UNINSTALL:
        ok = binfmt_uninstall(cl->binfmt_dir, &err);
        break;
    case OPTIONS_BINFMT_STATUS:
        ok = binfmt_status(cl->binfmt_dir, stdout, &err);
        break;
    case OPTIONS_RUN:
        break;
    }
    if (err) {
        die(err->message);
    }
    return ok ? 0 : 1;
}

int main(int argc, char **argv, char **envp)
{
    static Program prog;
    abi_ulong host_brk = (abi_ulong)(uintptr_t)sbrk(0);
    CommandLine cl;
    GError *err = NULL;
    FdRoom room = {0};
    const char *lacks = backend_host_lacks();
    if (lacks) {
        fprintf(stderr, "rivet: this CPU has no %s, use one of x86-64-v2 or later\n", lacks);
        return 1;
    }
    fd_room_make(&room);
    BinfmtInfo binfmt = binfmt_info(argv[0], &prog.fd);
    if (!options_parse(argc, argv, envp, &binfmt, &cl, &err)) {
        die(err->message);
    }
    if (cl.action != OPTIONS_RUN) {
        return act(&cl);
    }
    if (cl.exec_fd >= 0) {
        prog.fd = cl.exec_fd;
    }
    if (cl.self_fd >= 0) {
        exec_adopt_self(cl.self_fd);
    }
    if (cl.cache_fd >= 0) {
        exec_adopt_cache(cl.cache_fd);
    }
    if (*user_options.root &&
        !root_enter(user_options.root, user_options.root_by_paths, &err)) {
        die(err->message);
    }
    if (cl.ids && !ids_emulate(cl.ids)) {
        die("-ids: not what ids_state() says");
    }
    if (!path_is_root()) {
        path_init(user_options.ld_prefix);
    }
    prog.path = cl.program;
    prog.argc = cl.argc;
    prog.argv = cl.argv;
    if (!find_program(&prog, cl.envp, &err)) {
        die(err->message);
    }
    process.exec_arg = binfmt.exec_arg ? binfmt.exec_arg : cl.exec_fn ? cl.exec_fn : cl.program;
    process.exec_path = exec_path_of(&prog);
    set_comm(cl.by_fd, binfmt.exec_arg != NULL);
    abi_ulong sp;
    if (!load(&prog, &cl, &sp, &err)) {
        die(err->message);
    }
    if (cl.mdwe) {
        mdwe_set(MDWE_REFUSE_EXEC_GAIN);
    }
    if (cl.limits && !limits_inherit(cl.limits)) {
        die("-limits: not what limits_text() says");
    }
    proc_self_publish(sp, host_brk);
    fd_room_end(&room);
    run(sp, cl.seccomp_fd, cl.traced);
}
