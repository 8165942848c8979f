/*
 * linux-user/coredump.c: see coredump.h. Source: fs/coredump.c, fs/binfmt_elf.c, core(5); the
 * structures: include/linux/elfcore.h and arch/riscv/include/uapi/asm/ptrace.h.
 *
 * The file is written before the process dies, with the other threads out of guest code. That the
 * wait status has the core-dump bit is up to the kernel, which sets it when it has made a core file
 * of its own, of the emulator: it may make one of a page, in a directory that a child removes once
 * the process is gone. For a core_pattern that is an absolute path that directory becomes the root,
 * which takes CAP_SYS_CHROOT or a user namespace, and so, of who is not root, a single thread.
 * Where that cannot be, the kernel dumps nothing and the bit is missing. A core_pattern that is a
 * program gets nothing.
 */
#include "linux-user/coredump.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "exec/tb_cache.h"
#include "frontend/helper.h"
#include "linux-user/core_name.h"
#include "linux-user/proc_self.h"
#include "linux-user/syscall.h"
#include "linux-user/task.h"

enum { PAGE = 4096, MIN_CORE = 4096 };

/* ---- notes ---- */

typedef struct GuestPrstatus {
    int32_t signo, code, err;
    int16_t cursig;
    uint64_t sigpend, sighold;
    int32_t pid, ppid, pgrp, sid;
    struct timeval utime, stime, cutime, cstime;
    uint64_t reg[32];               /* pc, x1 to x31 */
    int32_t fpvalid;
} GuestPrstatus;
_Static_assert(sizeof(GuestPrstatus) == 376, "struct elf_prstatus of riscv64");

typedef struct GuestPrpsinfo {
    char state, sname, zombie, nice;
    uint64_t flags;
    uint32_t uid, gid;
    int32_t pid, ppid, pgrp, sid;
    char fname[16], args[80];
} GuestPrpsinfo;
_Static_assert(sizeof(GuestPrpsinfo) == 136, "struct elf_prpsinfo of riscv64");

typedef struct GuestFpregs {
    uint64_t f[32];
    uint32_t fcsr, pad;
} GuestFpregs;
_Static_assert(sizeof(GuestFpregs) == 264, "struct __riscv_d_ext_state");

/* A mapping of the guest that the core file tells of. */
typedef struct Segment {
    ProcMapLine map;                /* name points into Core.maps */
    abi_ulong size;                 /* of what is dumped, from the start on */
} Segment;

typedef struct Core {
    CPUState *cpu;
    int sig;
    const siginfo_t *info;
    char *maps;                     /* text of smaps, cut up */
    GArray *segments;               /* of Segment */
    GString *notes;
    int fd, mem;
    uint64_t limit, at;             /* RLIMIT_CORE; where the file stands */
} Core;

static void add_note(Core *c, uint32_t type, const void *desc, size_t size)
{
    static const char name[8] = "CORE";
    Elf64_Nhdr head = { .n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type };
    g_string_append_len(c->notes, (const char *)&head, sizeof(head));
    g_string_append_len(c->notes, name, sizeof(name));
    g_string_append_len(c->notes, desc, (gssize)size);
    while (c->notes->len % 4) {
        g_string_append_c(c->notes, '\0');
    }
}

static void note_prstatus(Core *c, const CPUState *cpu)
{
    const Task *task = cpu->opaque;
    struct rusage self = { 0 }, children = { 0 };
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    GuestPrstatus st = {
        .signo = c->sig,                /* the rest is NT_SIGINFO's */
        .cursig = (int16_t)c->sig,
        .sigpend = signal_recorded(task),
        .sighold = task->sigmask,
        .pid = task->tid,
        .ppid = getppid(),
        .pgrp = getpgrp(),
        .sid = getsid(0),
        .utime = self.ru_utime,
        .stime = self.ru_stime,
        .cutime = children.ru_utime,
        .cstime = children.ru_stime,
        .fpvalid = 1,
    };
    memcpy(st.reg, cpu->env.gpr, sizeof(st.reg));
    st.reg[0] = cpu->env.pc;
    add_note(c, NT_PRSTATUS, &st, sizeof(st));
}

static void note_fpregs(Core *c, const CPUState *cpu)
{
    GuestFpregs fp = { .fcsr = cpu_fflags(&cpu->env) | (uint32_t)cpu->env.frm << 5 };
    memcpy(fp.f, cpu->env.fpr, sizeof(fp.f));
    add_note(c, NT_PRFPREG, &fp, sizeof(fp));
}

static void note_prpsinfo(Core *c)
{
    GuestPrpsinfo ps = {
        .sname = 'R',
        .uid = getuid(),
        .gid = getgid(),
        .pid = getpid(),
        .ppid = getppid(),
        .pgrp = getpgrp(),
        .sid = getsid(0),
    };
    char *comm = g_strchomp(proc_host_text("/proc/self/comm"));
    g_strlcpy(ps.fname, comm, sizeof(ps.fname));
    g_free(comm);
    size_t n = MIN(process.arg_end - process.arg_start, sizeof(ps.args) - 1);
    if (guest_read(ps.args, process.arg_start, n)) {
        for (size_t i = 0; i < n; i++) {
            ps.args[i] = ps.args[i] ? ps.args[i] : ' ';
        }
    }
    add_note(c, NT_PRPSINFO, &ps, sizeof(ps));
}

static void note_auxv(Core *c)
{
    char auxv[1024];
    size_t n = MIN(process.auxv_size, sizeof(auxv));
    if (guest_read(auxv, process.auxv, n)) {
        add_note(c, NT_AUXV, auxv, n);
    }
}

/* Which files are mapped where: count, page size; start, end, page; then the names. */
static void note_files(Core *c)
{
    GString *table = g_string_new(NULL), *names = g_string_new(NULL);
    uint64_t head[2] = { 0, PAGE };
    for (guint i = 0; i < c->segments->len; i++) {
        const ProcMapLine *m = &g_array_index(c->segments, Segment, i).map;
        if (m->name[0] == '/') {
            uint64_t row[3] = { m->start, m->end, m->offset / PAGE };
            g_string_append_len(table, (const char *)row, sizeof(row));
            g_string_append_len(names, m->name, (gssize)strlen(m->name) + 1);
            head[0]++;
        }
    }
    g_string_prepend_len(table, (const char *)head, sizeof(head));
    g_string_append_len(table, names->str, (gssize)names->len);
    if (head[0]) {
        add_note(c, NT_FILE, table->str, table->len);
    }
    g_string_free(table, TRUE);
    g_string_free(names, TRUE);
}

/* A thread of this process: a child that shares memory has its parent's in the same list. */
static void note_thread(CPUState *cpu, void *opaque)
{
    Core *c = opaque;
    char path[32];
    const Task *task = cpu->opaque;
    if (cpu == c->cpu || !task) {
        return;
    }
    snprintf(path, sizeof(path), "/proc/self/task/%d", task->tid);
    if (access(path, F_OK) == 0) {
        note_prstatus(c, cpu);
        note_fpregs(c, cpu);
    }
}

/* The thread that dies comes first. */
static void make_notes(Core *c)
{
    siginfo_t none = { .si_signo = c->sig };
    note_prstatus(c, c->cpu);
    note_prpsinfo(c);
    add_note(c, NT_SIGINFO, c->info ? c->info : &none, sizeof(siginfo_t));
    note_auxv(c);
    note_files(c);
    note_fpregs(c, c->cpu);
    cpu_foreach(note_thread, c);
}

/* ---- memory ---- */

enum {                              /* bits of coredump_filter */
    ANON_PRIVATE = 1, ANON_SHARED = 2, FILE_PRIVATE = 4, FILE_SHARED = 8, ELF_HEADERS = 16,
};

static bool starts_elf(const ProcMapLine *m)
{
    char head[SELFMAG];
    return guest_read(head, m->start, sizeof(head)) && memcmp(head, ELFMAG, SELFMAG) == 0;
}

/* How much of a mapping is dumped. touched: it has pages of its own; kept_out: MADV_DONTDUMP. */
static abi_ulong dumped_size(const ProcMapLine *m, unsigned filter, bool touched, bool kept_out)
{
    abi_ulong all = m->end - m->start;
    if (strcmp(m->name, "[vdso]") == 0) {
        return all;
    }
    if (kept_out) {
        return 0;
    }
    if (m->perms[3] == 's') {
        bool file = m->name[0] == '/' && !g_str_has_suffix(m->name, " (deleted)");
        return filter & (file ? FILE_SHARED : ANON_SHARED) ? all : 0;
    }
    if ((touched && filter & ANON_PRIVATE) || (m->inode && filter & FILE_PRIVATE)) {
        return all;
    }
    bool headers = m->inode && filter & ELF_HEADERS && m->offset == 0 && m->perms[0] == 'r';
    return headers && starts_elf(m) ? PAGE : 0;
}

static void find_segments(Core *c)
{
    char *text = proc_host_text("/proc/self/coredump_filter");
    unsigned filter = *text ? (unsigned)strtoul(text, NULL, 16) : 0x33;
    g_free(text);
    c->maps = g_string_free(proc_self_smaps(), FALSE);
    c->segments = g_array_new(FALSE, FALSE, sizeof(Segment));
    char *next = c->maps;
    ProcMapLine m;
    bool in_map = false, touched = false, kept_out = false;
    for (char *line; (line = strsep(&next, "\n"));) {
        ProcMapLine new;
        bool head = proc_map_line(line, &new);
        if (in_map && (head || !next)) {
            Segment s = { m, dumped_size(&m, filter, touched, kept_out) };
            g_array_append_val(c->segments, s);
        }
        if (head) {
            m = new;
            in_map = true;
            touched = kept_out = false;
        } else if (g_str_has_prefix(line, "Anonymous:")) {
            touched = strtoul(line + strlen("Anonymous:"), NULL, 10) != 0;
        } else if (g_str_has_prefix(line, "VmFlags:")) {
            kept_out = strstr(line, " dd") || strstr(line, " io");
        }
    }
}

/* ---- the file ---- */

/* False: the limit is reached, or the file cannot be written. */
static bool emit(Core *c, const void *data, size_t size)
{
    size_t n = MIN(size, c->limit - c->at);
    for (size_t done = 0; done < n;) {
        ssize_t w = pwrite(c->fd, (const char *)data + done, n - done, (off_t)(c->at + done));
        if (w <= 0) {
            return false;
        }
        done += (size_t)w;
    }
    c->at += n;
    return n == size;
}

/* One page whatever its protection, a hole where there is nothing. */
static bool emit_page(Core *c, abi_ulong addr)
{
    static const char zero[PAGE];
    char page[PAGE];
    bool there = pread(c->mem, page, PAGE, (off_t)(addr + guest_base)) == PAGE;
    if (!there || memcmp(page, zero, PAGE) == 0) {
        c->at = MIN(c->at + PAGE, c->limit);
        return c->at < c->limit;
    }
    return emit(c, page, PAGE);
}

/* A page of an anonymous mapping that was never touched; pagemap: -1 or open. */
static bool is_untouched(int pagemap, const Segment *s, abi_ulong addr)
{
    uint64_t entry;
    const uint64_t there = (uint64_t)3 << 62;
    return !s->map.inode &&
           pread(pagemap, &entry, sizeof(entry), (off_t)((addr + guest_base) / PAGE * 8)) ==
               sizeof(entry) &&
           !(entry & there);
}

static void emit_memory(Core *c)
{
    int pagemap = open("/proc/thread-self/pagemap", O_RDONLY | O_CLOEXEC);
    for (guint i = 0; i < c->segments->len; i++) {
        const Segment *s = &g_array_index(c->segments, Segment, i);
        for (abi_ulong at = s->map.start; at < s->map.start + s->size; at += PAGE) {
            if (is_untouched(pagemap, s, at)) {
                c->at = MIN(c->at + PAGE, c->limit);
            } else if (!emit_page(c, at)) {
                break;
            }
        }
    }
    close(pagemap);
    if (ftruncate(c->fd, (off_t)c->at) < 0) {
        /* the holes at the end are missing */
    }
}

static uint32_t segment_flags(const ProcMapLine *m)
{
    return (m->perms[0] == 'r' ? PF_R : 0) | (m->perms[1] == 'w' ? PF_W : 0) |
           (m->perms[2] == 'x' ? PF_X : 0);
}

static void write_core(Core *c)
{
    guint count = c->segments->len + 1;
    bool many = count >= PN_XNUM;
    Elf64_Ehdr eh = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
        .e_type = ET_CORE,
        .e_machine = EM_RISCV,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_flags = EF_RISCV_FLOAT_ABI_DOUBLE | EF_RISCV_RVC,
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = many ? PN_XNUM : (uint16_t)count,
    };
    uint64_t offset = sizeof(Elf64_Ehdr) + (uint64_t)count * sizeof(Elf64_Phdr);
    Elf64_Shdr extra = { .sh_info = count };    /* the real number, when it does not fit */
    if (many) {
        eh.e_shoff = offset;
        eh.e_shnum = 1;
        eh.e_shentsize = sizeof(Elf64_Shdr);
        offset += sizeof(Elf64_Shdr);
    }
    GArray *ph = g_array_sized_new(FALSE, TRUE, sizeof(Elf64_Phdr), count);
    Elf64_Phdr note = { .p_type = PT_NOTE, .p_offset = offset,
                        .p_filesz = c->notes->len, .p_align = 4 };
    g_array_append_val(ph, note);
    offset += c->notes->len;
    uint64_t data = (offset + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    for (guint i = 0; i < c->segments->len; i++) {
        const Segment *s = &g_array_index(c->segments, Segment, i);
        Elf64_Phdr load = {
            .p_type = PT_LOAD,
            .p_flags = segment_flags(&s->map),
            .p_offset = data,
            .p_vaddr = s->map.start,
            .p_filesz = s->size,
            .p_memsz = s->map.end - s->map.start,
            .p_align = PAGE,
        };
        g_array_append_val(ph, load);
        data += s->size;
    }
    if (emit(c, &eh, sizeof(eh)) && emit(c, ph->data, count * sizeof(Elf64_Phdr)) &&
        (!many || emit(c, &extra, sizeof(extra))) && emit(c, c->notes->str, c->notes->len)) {
        c->at = MIN((c->at + PAGE - 1) & ~(uint64_t)(PAGE - 1), c->limit);
        emit_memory(c);
    }
    g_array_free(ph, TRUE);
}

/* As the kernel: an old one goes, a new one is made. */
static int create_file(const char *name)
{
    unlink(name);
    return open(name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static bool dump_to(const char *name, CPUState *cpu, int sig, const siginfo_t *info, uint64_t limit)
{
    Core c = { .cpu = cpu, .sig = sig, .info = info, .limit = limit };
    c.fd = create_file(name);
    if (c.fd < 0) {
        return false;
    }
    c.mem = open("/proc/thread-self/mem", O_RDONLY | O_CLOEXEC);
    c.notes = g_string_new(NULL);
    cpu_exclusive_begin(cpu);
    find_segments(&c);
    make_notes(&c);
    write_core(&c);
    cpu_exclusive_end(cpu);
    close(c.mem);
    close(c.fd);
    return true;
}

/* ---- the wait status ---- */

/* The directory where the kernel's core file goes. */
typedef struct PassingDirectory {
    char path[PATH_MAX];            /* what it has is that of the name's directory, if it has one */
    size_t top;                     /* length of the part that is ours */
} PassingDirectory;

static void remove_directories(PassingDirectory *d)
{
    for (char *end = d->path + strlen(d->path); end; end = strrchr(d->path, '/')) {
        *end = '\0';
        if ((size_t)(end - d->path) < d->top || rmdir(d->path) < 0) {
            break;
        }
    }
}

/* Remove the files and the directories, once all ends of the pipe but ours are closed. */
static _Noreturn void remove_later(int pipe_end, PassingDirectory *d)
{
    char byte;
    int at = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    dup2(pipe_end, 0);
    dup2(at, 1);
    syscall(SYS_close_range, 2, ~0u, 0);
    while (read(0, &byte, 1) < 0 && errno == EINTR) {
    }
    char names[1024];
    long n = syscall(SYS_getdents64, 1, names, sizeof(names));
    for (long i = 0; i < n;) {
        struct dirent64 *e = (struct dirent64 *)(names + i);
        unlinkat(1, e->d_name, 0);
        i += e->d_reclen;
    }
    remove_directories(d);
    syscall(SYS_exit_group, 0);
    __builtin_unreachable();
}

/* One where a file called `name` can be made, relative to it. */
static bool make_directories(PassingDirectory *d, const char *name)
{
    strcpy(d->path, "/tmp/rivet-core-XXXXXX");
    d->top = strlen(d->path);
    if (!mkdtemp(d->path)) {
        return false;
    }
    for (const char *next; (next = strchr(name, '/')); name = next + 1) {
        size_t len = strlen(d->path);
        if (next == name) {
            continue;
        }
        snprintf(d->path + len, sizeof(d->path) - len, "/%.*s", (int)(next - name), name);
        if (g_str_equal(d->path + len, "/..") || (mkdir(d->path, 0700) < 0 && errno != EEXIST)) {
            d->path[len] = '\0';
            remove_directories(d);
            return false;
        }
    }
    return true;
}

/* Have the calling thread, which is about to die, take it for the root. */
static bool become_root(const char *dir)
{
    return chroot(dir) == 0 || (syscall(SYS_unshare, CLONE_NEWUSER) == 0 && chroot(dir) == 0);
}

/* Move to a directory that will be gone when we are, where `name` can be made. */
static bool enter_passing_directory(const char *name)
{
    PassingDirectory d;
    int ends[2];
    if (!make_directories(&d, name)) {
        return false;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        remove_directories(&d);
        return false;
    }
    /* not fork(): no handlers of the C library, whose locks other threads may hold */
    long pid = syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        close(ends[1]);
        remove_later(ends[0], &d);
    }
    close(ends[0]);                 /* ends[1] closes when the process is gone */
    syscall(SYS_setpgid, pid, pid); /* who kills our group does not mean the child */
    if (pid < 0) {
        remove_directories(&d);
        return false;
    }
    d.path[d.top] = '\0';
    return syscall(SYS_unshare, CLONE_FS) == 0 && chdir(d.path) == 0 &&
           (name[0] != '/' || become_root("."));
}

static void set_core_limit(rlim_t cur)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = cur;
        setrlimit(RLIMIT_CORE, &limit);
    }
}

/* The kernel makes no core file of us. A pattern that is a program or a socket does not heed the
 * limit; the memory of a vfork child is its parent's, and the mark is one of it. */
static void no_host_dump(const Task *task, const char *pattern)
{
    set_core_limit(0);
    if ((*pattern == '|' || *pattern == '@') && !task->is_vfork_child) {
        prctl(PR_SET_DUMPABLE, 0);
    }
}

/* ---- what is done ---- */

static bool name_core(const char *pattern, int sig, uint64_t limit, char name[PATH_MAX])
{
    char comm[17] = "";
    struct utsname u = { 0 };
    prctl(PR_GET_NAME, comm);
    uname(&u);
    char *uses_pid = proc_host_text("/proc/sys/kernel/core_uses_pid");
    CoreNameFacts f = {
        .sig = sig,
        .limit = limit,
        .pid = getpid(),
        .tid = syscall(SYS_gettid),
        .host_pid = getpid(),       /* those of the first namespace are not for us to know */
        .host_tid = syscall(SYS_gettid),
        .uid = getuid(),
        .gid = getgid(),
        .dumpable = prctl(PR_GET_DUMPABLE),
        .time = time(NULL),
        .cpu = sched_getcpu(),
        .comm = comm,
        .exe = process.exec_path,
        .host = u.nodename,
        .uses_pid = *uses_pid == '1',
    };
    bool ok = core_name(pattern, &f, name);
    g_free(uses_pid);
    return ok;
}

void coredump(CPUState *cpu, int sig, const siginfo_t *info)
{
    static _Atomic pid_t begun;         /* by a thread of this process, not of its parent */
    const Task *task = cpu->opaque;
    struct rlimit limit;
    char name[PATH_MAX];
    while (atomic_exchange(&begun, getpid()) == getpid()) {
        pause();                        /* another thread dies first, and we with it */
    }
    char *pattern = g_strchomp(proc_host_text("/proc/sys/kernel/core_pattern"));
    bool wanted = getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur >= MIN_CORE &&
                  prctl(PR_GET_DUMPABLE) == 1 &&
                  name_core(*pattern ? pattern : "core", sig, limit.rlim_cur, name);
    if (wanted && dump_to(name, cpu, sig, info, limit.rlim_cur) && enter_passing_directory(name)) {
        set_core_limit(MIN_CORE);
    } else {
        no_host_dump(task, pattern);
    }
    g_free(pattern);
}
