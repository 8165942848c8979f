/*
 * exec/image.h: translated code kept in files, from one process to the next.
 *
 * An image is the code and metadata of the TBs of one guest file (program, interpreter, library)
 * that is mapped at one address, in a file of the user's cache directory. It is mapped into the
 * code buffer when code of that guest file is first executed, and the TBs in it run as they are,
 * chained among themselves; they are dropped, chained and unwound as those that are translated now.
 * When the process ends, an image is written anew if enough was translated that it does not have.
 *
 * What is true of an image that is attached: the guest's memory has, page for page, the bytes that
 * its TBs were made from (others are dropped at once). The file's identity only says where to look;
 * but where it is proof, the bytes are not compared: for a file that has not changed for a while,
 * when the image was made and now, on a file system on which it cannot change without another
 * ctime.
 *
 * An image file is written under another name and renamed, and never changed after that; it is not
 * used unless the directory and the file are the user's own. Nothing about it ever fails visibly:
 * no directory, no rights, no space, a damaged file mean that code is translated.
 */
#ifndef EXEC_IMAGE_H
#define EXEC_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which file, and in which state. Times in nanoseconds. */
typedef struct GuestFileId {
    uint64_t dev, ino, size, mtime, ctime;
} GuestFileId;

typedef struct ImageKey {
    GuestFileId id;
    uint64_t base;              /* guest address of the file's byte 0 */
    uint64_t place;             /* which of the addresses that such a file may have */
} ImageKey;

/* Guest code at one address: a mapped range of a file. */
typedef struct GuestCodeOrigin {
    ImageKey key;
    uint64_t start, end;
    bool settled;               /* the identity stands for the contents */
} GuestCodeOrigin;

/* Provided by linux-user/ (guest_code.c): where the code at pc is from. False: from no file, or one
 * of which nothing is to be kept: it was ever writable, shared, or lies where it will not lie
 * again. */
bool guest_code_origin(uint64_t pc, GuestCodeOrigin *origin);

/* Is anything kept (ExecOptions.image_dir)? Async-signal-safe, any thread. */
bool image_enabled(void);
/* No more from now on: the process has another root directory, from which ExecOptions.image_dir is
 * not found, or may not make system calls. */
void image_disable(void);

/* The process ends, or becomes another program: write what is worth it. Not in a process that
 * shares its memory with its parent. */
void image_save(void);
/* In the child of a fork; bare: not by the C library's fork(), so that malloc() cannot be
 * trusted. */
void image_fork_child(bool bare);

/* Is it known that the word is not in the guest's code [start, end), at an even address? Known are
 * words that somebody may look for: IMAGE_ABSENT. */
enum { IMAGE_ABSENT = (int)0xf1401073 };        /* the signature of C libraries for rseq(2) */
bool image_lacks_word(uint64_t start, uint64_t end, uint32_t word);

uint64_t image_hash(const void *p, size_t n);

/* ---- for exec/ ---- */

struct TranslationBlock;

enum { IMAGE_ROOM = 256 << 20 };        /* address space for all that are attached */
void image_init(void);          /* options are known, the common stubs made */
/* There is no TB at pc: is there an image to attach? True when one was: look again. */
bool image_attach(uint64_t pc);
/* Has code at pc an image? */
bool image_attached(uint64_t pc);
/* Takes no lock, as tb_lookup(). */
struct TranslationBlock *image_lookup(uint64_t pc, uint32_t flags, uint32_t cflags);

/* tb_lock held: */
bool image_contains(const void *p);
struct TranslationBlock *image_find_by_host(const void *p);
/* Drop the TBs in [start, last], or those whose bytes have changed. */
void image_drop(uint64_t start, uint64_t last, bool only_stale);
/* exec_memory_shared() is being called. */
void image_memory_shared(void);
/* Forget all images for good: the code buffer is flushed. */
void image_reset(void);

#endif
