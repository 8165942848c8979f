/*
 * linux-user/proc_maps.c: maps and smaps of a guest process as its address space has them, and the
 * PROCMAP_QUERY ioctl on them. Source: fs/proc/task_mmu.c.
 *
 * The host's list and the guest's map are walked side by side: files, offsets and names are the
 * host's, bounds and protections the guest's. The map of another process is read from its memory.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux-user/guest_map.h"
#include "linux-user/mmap.h"
#include "linux-user/proc_self.h"
#include "linux-user/ptrace_private.h"
#include "linux-user/sys_common.h"

typedef struct Range {
    abi_ulong start, end;
    int prot;
    const char *name;
} Range;

static void collect_range(void *opaque, abi_ulong start, abi_ulong end, int prot, const char *name)
{
    Range r = { start, end, prot, name };
    g_array_append_val((GArray *)opaque, r);
}

/* The guest's side. */
typedef struct View {
    GArray *ranges;             /* Range */
    abi_ulong base;             /* its guest_base */
    const char *dir;            /* of /proc */
} View;

static View own_view(void)
{
    View v = { g_array_new(FALSE, FALSE, sizeof(Range)), guest_base, "/proc/thread-self" };
    guest_map_walk(collect_range, v.ranges);
    return v;
}

static char *view_text(const View *v, const char *name)
{
    char *path = g_strdup_printf("%s/%s", v->dir, name);
    char *text = proc_host_text(path);
    g_free(path);
    return text;
}

/* --- of another process ----------------------------------------------------------------------- */

typedef struct Other {
    pid_t pid;
    GArray *ranges;
    uint64_t last_pointer;      /* names are few: the last one that was read */
    const char *last_name;
} Other;

static bool peek_other(void *opaque, uint64_t addr, void *buf, size_t n)
{
    return tracee_read(((Other *)opaque)->pid, addr, buf, n);
}

static const char *other_name(Other *o, uint64_t pointer)
{
    enum { NAME_MAX_ = 80 };    /* PR_SET_VMA_ANON_NAME */
    char name[NAME_MAX_ + 1] = "";
    if (pointer != o->last_pointer) {
        for (unsigned i = 0; i < NAME_MAX_ && peek_other(o, pointer + i, &name[i], 1) && name[i];
             i++) {
        }
        name[NAME_MAX_] = '\0';
        o->last_pointer = pointer;
        o->last_name = g_intern_string(name);
    }
    return o->last_name;
}

static void collect_other(void *opaque, const MapRange *r)
{
    Other *o = opaque;
    collect_range(o->ranges, r->start, r->end, r->prot,
                  other_name(o, (uint64_t)(uintptr_t)r->name));
}

/* False when it is no guest, or not for us to look into. */
static bool other_view(const char *dir, View *v)
{
    enum { TRIES = 10 };        /* it may run, and change its map */
    Other o = { 0 };
    uint64_t distance;
    if (sscanf(dir, "/proc/%d", &o.pid) != 1 || !tracee_distance(o.pid, &distance) ||
        !tracee_read(o.pid, (uint64_t)(uintptr_t)&guest_base + distance, &v->base,
                     sizeof(v->base))) {
        return false;
    }
    bool done = false;
    o.ranges = g_array_new(FALSE, FALSE, sizeof(Range));
    for (int i = 0; i < TRIES && !done; i++) {
        g_array_set_size(o.ranges, 0);
        done = guest_map_walk_other(peek_other, distance, collect_other, &o);
    }
    if (!done) {
        g_array_free(o.ranges, TRUE);
        return false;
    }
    v->ranges = o.ranges;
    v->dir = dir;
    return true;
}

/* --- the two side by side --------------------------------------------------------------------- */

bool proc_map_line(char *line, ProcMapLine *m)
{
    int used = 0;
    if (sscanf(line, "%lx-%lx %4s %lx %x:%x %lu%n", &m->start, &m->end, m->perms, &m->offset,
               &m->major, &m->minor, &m->inode, &used) != 7) {
        return false;
    }
    memcpy(m->host_perms, m->perms, sizeof(m->perms));
    m->name = line + used + strspn(line + used, " ");
    return true;
}

/* The part of host line `m` that lies in the guest's range, as the guest sees it. */
static bool clip(const ProcMapLine *m, const Range *r, abi_ulong base, ProcMapLine *out)
{
    abi_ulong start = MAX(m->start, r->start + base), end = MIN(m->end, r->end + base);
    if (start >= end) {
        return false;
    }
    *out = *m;
    out->name = (char *)path_to_guest(m->name);
    out->start = start - base;
    out->end = end - base;
    out->perms[0] = r->prot & PROT_READ ? 'r' : '-';
    out->perms[1] = r->prot & PROT_WRITE ? 'w' : '-';
    out->perms[2] = r->prot & PROT_EXEC ? 'x' : '-';
    if (m->inode) {
        out->offset += start - m->start;
    }
    if (r->name[0]) {
        out->name = (char *)r->name;
        out->offset = out->inode = 0;
        out->major = out->minor = 0;
    }
    return true;
}

/* The first range, from number r on, that does not end below host line `m`: both lists ascend. */
static unsigned first_range(const View *v, unsigned r, const ProcMapLine *m)
{
    while (r < v->ranges->len && g_array_index(v->ranges, Range, r).end + v->base <= m->start) {
        r++;
    }
    return r;
}

/* The part of host line `m` that the next range, from number *i on, has of it. */
static bool next_piece(const View *v, unsigned *i, const ProcMapLine *m, ProcMapLine *piece)
{
    while (*i < v->ranges->len) {
        const Range *range = &g_array_index(v->ranges, Range, *i);
        if (range->start + v->base >= m->end) {
            return false;
        }
        ++*i;
        if (clip(m, range, v->base, piece)) {
            return true;
        }
    }
    return false;
}

/* Where the host's protections differ and the guest's do not, the bound is ours (guest_code.c). */
static bool joins(const ProcMapLine *a, const ProcMapLine *b)
{
    return a->end == b->start && !strcmp(a->perms, b->perms) &&
           strcmp(a->host_perms, b->host_perms) != 0 && a->inode == b->inode &&
           a->major == b->major && a->minor == b->minor && !strcmp(a->name, b->name) &&
           (!a->inode || a->offset + (a->end - a->start) == b->offset);
}

/* The guest's mappings, in order. Their names point into *text, to be freed after them. */
static GArray *guest_lines(const View *v, char **text)
{
    GArray *lines = g_array_new(FALSE, FALSE, sizeof(ProcMapLine));
    *text = view_text(v, "maps");
    unsigned r = 0;
    char *next;
    for (char *l = *text; l && *l; l = next) {
        ProcMapLine m, piece;
        next = strchr(l, '\n');
        if (next) {
            *next++ = '\0';
        }
        if (!proc_map_line(l, &m)) {
            continue;
        }
        r = first_range(v, r, &m);
        for (unsigned i = r; next_piece(v, &i, &m, &piece);) {
            ProcMapLine *last =
                lines->len ? &g_array_index(lines, ProcMapLine, lines->len - 1) : NULL;
            if (last && joins(last, &piece)) {
                last->end = piece.end;
                memcpy(last->host_perms, piece.host_perms, sizeof(piece.host_perms));
            } else {
                g_array_append_val(lines, piece);
            }
        }
    }
    return lines;
}

enum { NAME_COLUMN = 73 };

static void print_map_line(GString *out, const ProcMapLine *m)
{
    size_t begin = out->len;
    g_string_append_printf(out, "%08lx-%08lx %s %08lx %02x:%02x %lu ", m->start, m->end, m->perms,
                           m->offset, m->major, m->minor, m->inode);
    if (m->name[0]) {
        while (out->len - begin < NAME_COLUMN) {
            g_string_append_c(out, ' ');
        }
        g_string_append(out, m->name);
    }
    g_string_append_c(out, '\n');
}

static GString *view_maps(View *v)
{
    char *text;
    GArray *lines = guest_lines(v, &text);
    GString *out = g_string_new(NULL);
    for (guint i = 0; i < lines->len; i++) {
        print_map_line(out, &g_array_index(lines, ProcMapLine, i));
    }
    g_array_free(lines, TRUE);
    g_array_free(v->ranges, TRUE);
    g_free(text);
    return out;
}

/* Each guest piece of a host mapping gets the host's numbers for all of it, but its own size. */
static GString *view_smaps(View *v)
{
    unsigned r = 0;
    char *text = view_text(v, "smaps");
    char **lines = g_strsplit(text, "\n", -1);
    GString *out = g_string_new(NULL);
    for (char **l = lines; *l;) {
        ProcMapLine m, piece;
        if (!proc_map_line(*l, &m)) {
            l++;
            continue;
        }
        char **details = ++l, **next = l;
        ProcMapLine other;
        while (*next && !proc_map_line(*next, &other)) {
            next++;
        }
        r = first_range(v, r, &m);
        for (unsigned i = r; next_piece(v, &i, &m, &piece);) {
            print_map_line(out, &piece);
            for (char **d = details; d < next && **d; d++) {
                if (g_str_has_prefix(*d, "Size:")) {
                    g_string_append_printf(out, "Size:           %8lu kB\n",
                                           (piece.end - piece.start) / 1024);
                } else {
                    g_string_append_printf(out, "%s\n", *d);
                }
            }
        }
        l = next;
    }
    g_strfreev(lines);
    g_free(text);
    g_array_free(v->ranges, TRUE);
    return out;
}

GString *proc_self_maps(void)
{
    View v = own_view();
    return view_maps(&v);
}

GString *proc_self_smaps(void)
{
    View v = own_view();
    return view_smaps(&v);
}

/* The sum of all the lines of that field. */
static unsigned long sum_of(const GString *smaps, const char *field, size_t n)
{
    unsigned long sum = 0;
    for (const char *line = smaps->str, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (strncmp(line, field, n) == 0) {
            sum += strtoul(line + n, NULL, 10);
        }
    }
    return sum;
}

/* The host's lines, but of the shares of Pss smaps does not tell: what is not anonymous is a
 * file's. */
static unsigned long rolled(const GString *smaps, const char *line, size_t n)
{
    if (g_str_has_prefix(line, "Pss_")) {
        unsigned long all = sum_of(smaps, "Pss:", 4), anon = sum_of(smaps, "Anonymous:", 10);
        unsigned long dirty = sum_of(smaps, "Pss_Dirty:", 10);
        return g_str_has_prefix(line, "Pss_Dirty:")  ? dirty
               : g_str_has_prefix(line, "Pss_Anon:") ? MIN(all, anon)
               : g_str_has_prefix(line, "Pss_File:") ? all - MIN(all, anon)
                                                     : 0;
    }
    return sum_of(smaps, line, n);
}

GString *proc_rollup(const char *dir, const GString *smaps)
{
    enum { FIELD = 16 };
    ProcMapLine first, line, all = { .perms = "---p", .name = "[rollup]" };
    char *path = g_strdup_printf("%s/smaps_rollup", dir), *text = proc_host_text(path);
    char **lines = g_strsplit(text, "\n", -1), **of_smaps = g_strsplit(smaps->str, "\n", -1);
    GString *out = NULL;
    if (lines[0] && lines[1] && proc_map_line(of_smaps[0], &first)) {
        out = g_string_new(NULL);
        for (char **l = of_smaps; *l; l++) {
            all.end = l == of_smaps         ? first.end
                      : proc_map_line(*l, &line) ? line.end
                                            : all.end;
        }
        all.start = first.start;
        print_map_line(out, &all);
        for (char **l = lines + 1; *l && strlen(*l) > FIELD; l++) {
            g_string_append_printf(out, "%.*s%8lu kB\n", FIELD, *l,
                                   rolled(smaps, *l, strcspn(*l, ":") + 1));
        }
    }
    g_strfreev(lines);
    g_strfreev(of_smaps);
    g_free(text);
    g_free(path);
    return out;
}

GString *proc_other_maps(const char *dir)
{
    View v;
    return other_view(dir, &v) ? view_maps(&v) : NULL;
}

GString *proc_other_smaps(const char *dir)
{
    View v;
    return other_view(dir, &v) ? view_smaps(&v) : NULL;
}

bool proc_other_size(const char *dir, abi_ulong *size)
{
    View v;
    if (!other_view(dir, &v)) {
        return false;
    }
    *size = 0;
    for (guint i = 0; i < v.ranges->len; i++) {
        const Range *r = &g_array_index(v.ranges, Range, i);
        *size += r->end - r->start;
    }
    g_array_free(v.ranges, TRUE);
    return true;
}

/* --- PROCMAP_QUERY ---------------------------------------------------------------------------- */

/* struct procmap_query of linux/fs.h (6.11) */
typedef struct ProcmapQuery {
    uint64_t size, query_flags, query_addr;
    uint64_t start, end, flags, page_size, offset, inode;
    uint32_t dev_major, dev_minor;
    uint32_t name_size, build_id_size;
    uint64_t name_addr, build_id_addr;
} ProcmapQuery;
_Static_assert(sizeof(ProcmapQuery) == 104, "struct procmap_query");

enum {
    QUERY_READABLE = 1,
    QUERY_WRITABLE = 2,
    QUERY_EXECUTABLE = 4,
    QUERY_SHARED = 8,
    QUERY_COVERING_OR_NEXT = 16,
    QUERY_FILE_BACKED = 32,
    QUERY_FLAGS = 63,
    QUERY_SIZE_MIN = 24,
};

static unsigned line_flags(const ProcMapLine *m)
{
    return (m->perms[0] == 'r' ? QUERY_READABLE : 0) | (m->perms[1] == 'w' ? QUERY_WRITABLE : 0) |
           (m->perms[2] == 'x' ? QUERY_EXECUTABLE : 0) | (m->perms[3] == 's' ? QUERY_SHARED : 0);
}

static const ProcMapLine *matching_line(const GArray *lines, uint64_t addr, uint64_t flags)
{
    unsigned perms = flags & (QUERY_READABLE | QUERY_WRITABLE | QUERY_EXECUTABLE | QUERY_SHARED);
    for (guint i = 0; i < lines->len; i++) {
        const ProcMapLine *m = &g_array_index(lines, ProcMapLine, i);
        if (m->end <= addr) {
            continue;
        }
        if (m->start > addr && !(flags & QUERY_COVERING_OR_NEXT)) {
            return NULL;
        }
        if ((line_flags(m) & perms) == perms && (!(flags & QUERY_FILE_BACKED) || m->inode)) {
            return m;
        }
        if (!(flags & QUERY_COVERING_OR_NEXT)) {
            return NULL;
        }
    }
    return NULL;
}

/* The page size and the build id are the host's to tell. */
static abi_long query_host(const View *v, ProcmapQuery *q)
{
    ProcmapQuery h = {
        .size = sizeof(h), .query_addr = q->start + v->base, .build_id_size = q->build_id_size};
    uint8_t build_id[64];
    if (q->build_id_size) {
        h.build_id_addr = host_arg(build_id);
        h.build_id_size = MIN(q->build_id_size, sizeof(build_id));
    }
    char *path = g_strdup_printf("%s/maps", v->dir);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    g_free(path);
    if (fd < 0) {
        return -errno;
    }
    abi_long ret = host_call(__NR_ioctl, (abi_ulong)fd, PROCMAP_QUERY_, host_arg(&h), 0, 0, 0);
    close(fd);
    if (ret < 0) {
        return ret;
    }
    q->page_size = h.page_size;
    if (q->build_id_size) {
        q->build_id_size = h.build_id_size;
        if (!guest_write(q->build_id_addr, build_id, MIN(h.build_id_size, sizeof(build_id)))) {
            return -EFAULT;
        }
    }
    return 0;
}

static abi_long query_answer(const View *v, ProcmapQuery *q, const ProcMapLine *m)
{
    size_t name_size = strlen(m->name) + 1;
    q->start = m->start;
    q->end = m->end;
    q->flags = line_flags(m);
    q->offset = m->inode ? m->offset : 0;
    q->inode = m->inode;
    q->dev_major = m->inode ? m->major : 0;
    q->dev_minor = m->inode ? m->minor : 0;
    if (q->name_size && name_size > MIN(q->name_size, PATH_MAX) && name_size > 1) {
        return -ENAMETOOLONG;
    }
    abi_long ret = query_host(v, q);
    if (ret < 0) {
        return ret;
    }
    if (q->name_size) {
        q->name_size = name_size > 1 ? (uint32_t)name_size : 0;
        if (q->name_size && !guest_write(q->name_addr, m->name, name_size)) {
            return -EFAULT;
        }
    }
    return 0;
}

static abi_long query_maps(char *dir, abi_ulong arg)
{
    ProcmapQuery q = { 0 };
    uint64_t size;
    if (!guest_read(&size, arg, sizeof(size))) {
        return -EFAULT;
    }
    if (size > 4096) {
        return -E2BIG;
    }
    if (size < QUERY_SIZE_MIN) {
        return -EINVAL;
    }
    if (!guest_read(&q, arg, MIN(size, sizeof(q)))) {
        return -EFAULT;
    }
    if (q.query_flags & ~(uint64_t)QUERY_FLAGS || (q.name_size != 0) != (q.name_addr != 0) ||
        (q.build_id_size != 0) != (q.build_id_addr != 0)) {
        return -EINVAL;
    }
    char *text;
    View v;
    if (proc_is_our_task(dir)) {
        v = own_view();
    } else if (!other_view(dir, &v)) {
        return -ESRCH;
    }
    GArray *lines = guest_lines(&v, &text);
    const ProcMapLine *m = matching_line(lines, q.query_addr, q.query_flags);
    abi_long ret = m ? query_answer(&v, &q, m) : -ENOENT;
    g_array_free(lines, TRUE);
    g_array_free(v.ranges, TRUE);
    g_free(text);
    return ret < 0 || guest_write(arg, &q, MIN(size, sizeof(q))) ? ret : -EFAULT;
}

abi_long proc_self_query(abi_ulong fd, abi_ulong arg)
{
    char path[PATH_MAX], *slash;
    if (!proc_text_of((int)fd, path) || !(slash = strrchr(path, '/')) ||
        strcmp(slash, "/maps") != 0) {
        return host_call(__NR_ioctl, fd, PROCMAP_QUERY_, shift_arg(arg), 0, 0, 0);
    }
    *slash = '\0';
    return query_maps(path, arg);
}
