/*
 * frontend/translate.h: the RISC-V TranslatorOps.
 *
 * One DisasContext translates one TB; `dc->base` must be filled by the caller as translator.h
 * says. The globals x1..x31 and f0..f31 are made once per IrContext by riscv_translate_init().
 */
#ifndef FRONTEND_TRANSLATE_H
#define FRONTEND_TRANSLATE_H

#include "frontend/cpu.h"
#include "frontend/decode.h"
#include "frontend/translator.h"

typedef struct RiscvGlobals {
    IrTemp *x[32];              /* x[0] is NULL: reads are the constant 0, writes are dropped */
    IrTemp *f[32];
} RiscvGlobals;

typedef struct DisasContext DisasContext;
struct DisasContext {
    DisasContextBase base;
    const RiscvGlobals *g;
    RvExtSet exts;
    bool (*ecall_stays)(uint64_t nr);   /* by cpu_ecall(), for this number; NULL: for none */
    bool (*lands)(const DisasContext *dc,
                  uint64_t ret); /* in: go on behind a call that returns to
                                  * ret? NULL: behind none, they end the TB */
    /* in: end before pc and jump there? NULL: never */
    bool (*joins)(const DisasContext *dc, uint64_t pc);
    bool alone;                 /* in: nobody else looks at guest memory now */
    bool watch_rseq;            /* in: stores may be to env->rseq_cs: leave by EXCP_SECTION then */
    bool needs_alone;           /* out: and this TB is good only as long as that is so */
    uint8_t frm;                /* dynamic rounding mode in force (from tb_flags) */
    uint64_t pc;                /* of the insn being translated */
    unsigned len;               /* its length */
    bool sp_loaded;             /* sp comes from memory other than the stack: longjmp, say */
    DecodedInsn insn;           /* id RV_ILLEGAL: no such insn */
    /* facts tracked within the TB */
    uint32_t boxed;             /* bit i: f[i] is known to be a boxed single */
    uint32_t const_known;       /* bit i: x[i] is const_val[i] */
    uint64_t const_val[32];
};

extern const TranslatorOps riscv_translator_ops;

/* Make the globals in ir (env offsets of CPURISCVState). */
void riscv_translate_init(IrContext *ir, RiscvGlobals *g);

/* Where control goes from an insn, for who follows code without translating it. */
typedef enum InsnFlowKind {
    FLOW_NEXT,                  /* to the next one (or out of the TB) */
    FLOW_BRANCH,                /* to the next one or to the target */
    FLOW_JUMP,                  /* to the target */
    FLOW_CALL,                  /* to the target; it returns to the next one */
    FLOW_CALL_PTR,              /* to a computed pc, which returns to the next one */
    FLOW_GOTO_PTR,              /* to a computed pc */
    FLOW_END,                   /* anywhere */
} InsnFlowKind;
typedef struct InsnFlow {
    uint8_t kind;               /* InsnFlowKind */
    uint8_t len;
    uint8_t link;               /* of a call: the x register that gets the return address */
    uint8_t reg;                /* of a computed jump: the x register that is its target, or 0 */
    uint32_t writes;            /* bit i: x[i] may be written */
    bool marks;                 /* saves sp as setjmp() does: the translator emits a call_mark */
    uint64_t target;
} InsnFlow;
InsnFlow riscv_insn_flow(uint32_t word, RvExtSet exts, uint64_t pc);

/* The helper table of helper.def, for ir_set_helpers() and the backend. */
extern const IrHelper riscv_helpers[];
extern const unsigned riscv_helper_count;

/* HELPER_x numbers, in the order of helper.def. */
enum {
#define HELPER(name, ...) HELPER_##name,
#include "frontend/helper.def"
#undef HELPER
    HELPER_COUNT,
};

#endif
