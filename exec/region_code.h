/*
 * exec/region_code.h: which code a region is made of. Private to exec/region*.c.
 *
 * A region is a tree of frames. Frame 0 is the loop: what gets from its header back to it, calls
 * stepped over. The other frames are functions, or rather what of them gets to a return, each for
 * the one call (Node.callee) that it was entered for. So the same function may be there several
 * times, and in each copy it is known where it will return to, unless somebody changes the link
 * register.
 *
 * Before a loop with calls or computed jumps is translated, a few rounds of it are watched
 * (RegionSeen): computed jumps are followed to where they went, each in its frame, and calls only
 * where they were made.
 */
#ifndef EXEC_REGION_CODE_H
#define EXEC_REGION_CODE_H

#include "exec/cpu_exec.h"
#include "frontend/translate.h"

enum {
    REGION_MAX_INSNS = 400,         /* in all frames */
    REGION_MAX_BLOCK_INSNS = 100,
    REGION_MAX_FRAMES = 24, REGION_MAX_LEVEL = 5,
    REGION_MAX_DEPTH = 5,           /* of loops */
};

/* An insn. Those of a frame lie in the order of their pc. */
typedef struct RegionNode {
    uint64_t pc, target_pc;
    uint32_t word, writes;
    uint8_t len, kind, reg, link;   /* InsnFlow's */
    bool marks;
    uint16_t weight;                /* how often it runs when the region is entered, about */
    bool rare;                      /* did not run while it was watched */
    bool mark;                      /* in what is being looked for */
    bool leader;                    /* first of a block */
    bool header;                    /* aim of a backward jump of its frame */
    uint8_t depth;                  /* loops around it, those around the call included */
    uint8_t callee;                 /* of a call: the frame that it enters, or 0 */
    uint16_t label;                 /* of a leader */
    int16_t next, target; /* nodes that it leads to in its frame, or -1; a call's is what it
                           * returns to */
} RegionNode;

typedef struct RegionFrame {
    uint64_t pc;                    /* of the header, or the function */
    uint64_t path;                  /* of calls that lead to it */
    unsigned first, n;              /* its nodes */
    uint8_t level;
    uint8_t link;                   /* register with the return address, which is */
    uint64_t ret;
    bool keeps_link;                /* nothing in it writes that register */
    uint8_t parent;
    uint8_t depth;                  /* Node.depth of the call */
} RegionFrame;

/* What was seen in a few rounds of the loop, by path and pc. */
enum { REGION_TARGETS = 64, REGION_SEEN_BITS = 13 };
typedef struct RegionSeen {
    struct RegionTarget {           /* of a computed jump; majority of the votes */
        uint64_t key, target;
        uint16_t hits, misses;
    } entry[REGION_TARGETS];
    uint8_t runs[1 << REGION_SEEN_BITS]; /* how often each insn ran, by region_seen_index(); those
                                          * of some are added up */
    unsigned rounds;
} RegionSeen;

uint64_t region_path(uint64_t path, uint64_t call_pc);

static inline uint32_t region_seen_index(uint64_t path, uint64_t pc)
{
    return (uint32_t)(region_path(path, pc) >> (64 - REGION_SEEN_BITS));
}

/* Run the guest round the loop with header cpu->env.pc, for a few rounds, and see. Returns false if
 * it did not come back; it may be anywhere then. Without tb_lock; may not return (a fault). */
bool region_watch(CPUState *cpu, RegionSeen *seen);

typedef struct RegionCode {
    uint64_t pc;                    /* in: the header */
    uint32_t flags, cflags;         /* in: of its TBs */
    bool watched;                   /* in: there was a try to see it run */
    const RegionSeen *seen;         /* in: or NULL */
    RegionFrame frame[REGION_MAX_FRAMES];
    unsigned nframes, nnodes;
    bool no_rare;               /* in: what did not run while it was watched is not rare for that */
    bool no_calls;                  /* in: only what comes round without them */
    bool calls;                     /* there are calls in the loop */
    bool computed;                  /* there were computed jumps on the way */
    bool wants_watch;               /* it depends on what runs: calls, computed jumps */
    struct RegionSearch *search;
    RegionNode node[];
} RegionCode;

#define REGION_FOREACH_NODE(c, f, v) \
    for (RegionNode *v = &(c)->node[(f)->first]; v < &(c)->node[(f)->first + (f)->n]; v++)

/* Reads guest code, a piece at a time. Zeroed: has none yet. */
typedef struct RegionReader {
    uint64_t pc;
    unsigned len;
    uint8_t code[128];
} RegionReader;

/* The insn at pc, or false: it can't be fetched. */
bool region_read_insn(RegionReader *r, uint64_t pc, uint32_t *word);

RegionCode *region_code_new(void);
/* Find it. false: there is no such loop, or too large a one. tb_lock. */
bool region_code_find(RegionCode *c);
/* The node of a frame at pc, or -1. */
int region_find_node(const RegionCode *c, const RegionFrame *f, uint64_t pc);

#endif
