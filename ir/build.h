/*
 * ir/build.h: ir_gen_<op>() for every row of ops.def, shaped by the row's signature.
 *
 * Arguments are always: ir, type, output, inputs, constants. Example:
 *   ir_gen_add(ir, IR_I64, rd, rs1, rs2);
 *   ir_gen_guest_ld(ir, IR_I64, rd, rs1, imm, MO_32 | MO_SIGN);
 *   ir_gen_brcond_tb(ir, IR_I64, a, b, IR_COND_LT, slot, pc);
 * Nothing is folded here: the optimizer does that.
 */
#ifndef IR_BUILD_H
#define IR_BUILD_H

#include "ir/ir.h"

/* ir_op_new() has cleared the op: only what may differ from 0 is stored, which the compiler knows
 * where the arguments are literals. */
#define IRB_PUT(field, v) \
    do { \
        if (!__builtin_constant_p((v) == 0) || (v) != 0) { \
            (field) = (v); \
        } \
    } while (0)

static inline IrOp *ir_build(IrContext *ir, IrOpcode opc, IrType t, IrTemp *out, unsigned nin,
                             IrTemp *a, IrTemp *b, IrTemp *c, IrTemp *d, uint64_t k0, uint64_t k1,
                             uint64_t k2)
{
    IrOp *op = ir_op_new(ir, opc, t);
    IRB_PUT(op->out, out);
    IRB_PUT(op->nin, (uint8_t)nin);
    IRB_PUT(op->in[0], a);
    IRB_PUT(op->in[1], b);
    IRB_PUT(op->in[2], c);
    IRB_PUT(op->in[3], d);
    IRB_PUT(op->k[0], k0);
    IRB_PUT(op->k[1], k1);
    IRB_PUT(op->k[2], k2);
    return op;
}

#define IRB_HEAD(name) static inline IrOp *ir_gen_##name(IrContext *ir, IrType t
#define IRB_0 NULL, NULL, NULL, NULL
#define IRB_1 a, NULL, NULL, NULL
#define IRB_2 a, b, NULL, NULL
#define IRB_3 a, b, c, NULL
#define IRB_4 a, b, c, d

#define IRB_n_n_n(n)    IRB_HEAD(n)) { return ir_build(ir, IR_##n, t, NULL, 0, IRB_0, 0, 0, 0); }
#define IRB_n_n_k(n)    IRB_HEAD(n), uint64_t k) { return ir_build(ir, IR_##n, t, NULL, 0, IRB_0, k, 0, 0); }
#define IRB_n_n_kk(n)   IRB_HEAD(n), uint64_t k, uint64_t m) { return ir_build(ir, IR_##n, t, NULL, 0, IRB_0, k, m, 0); }
#define IRB_n_n_kkk(n)  IRB_HEAD(n), uint64_t k, uint64_t m, uint64_t o) { return ir_build(ir, IR_##n, t, NULL, 0, IRB_0, k, m, o); }
#define IRB_n_n_l(n)    IRB_HEAD(n), IrLabel *l) { l->refs++; return ir_build(ir, IR_##n, t, NULL, 0, IRB_0, l->index, 0, 0); }
#define IRB_n_n_kl(n)   IRB_HEAD(n), uint64_t k, IrLabel *l) { l->refs++; return ir_build(ir, IR_##n, t, NULL, 0, IRB_0, k, l->index, 0); }
#define IRB_n_rr_cl(n)  IRB_HEAD(n), IrTemp *a, IrTemp *b, IrCond cond, IrLabel *l) { l->refs++; return ir_build(ir, IR_##n, t, NULL, 2, IRB_2, cond, l->index, 0); }
#define IRB_n_rr_ckk(n) IRB_HEAD(n), IrTemp *a, IrTemp *b, IrCond cond, uint64_t k, uint64_t m) { return ir_build(ir, IR_##n, t, NULL, 2, IRB_2, cond, k, m); }
#define IRB_n_d_n(n)    IRB_HEAD(n), IrTemp *a) { return ir_build(ir, IR_##n, t, NULL, 1, IRB_1, 0, 0, 0); }
#define IRB_n_d_kk(n)   IRB_HEAD(n), IrTemp *a, uint64_t k, uint64_t m) { return ir_build(ir, IR_##n, t, NULL, 1, IRB_1, k, m, 0); }
#define IRB_n_r_k(n)    IRB_HEAD(n), IrTemp *a, uint64_t k) { return ir_build(ir, IR_##n, t, NULL, 1, IRB_1, k, 0, 0); }
#define IRB_n_dr_ko(n)  IRB_HEAD(n), IrTemp *a, IrTemp *b, uint64_t k, IrMemOp o) { return ir_build(ir, IR_##n, t, NULL, 2, IRB_2, k, o, 0); }
#define IRB_r_n_k(n)    IRB_HEAD(n), IrTemp *r, uint64_t k) { return ir_build(ir, IR_##n, t, r, 0, IRB_0, k, 0, 0); }
#define IRB_d_n_n(n)    IRB_HEAD(n), IrTemp *r) { return ir_build(ir, IR_##n, t, r, 0, IRB_0, 0, 0, 0); }
#define IRB_r_r_n(n)    IRB_HEAD(n), IrTemp *r, IrTemp *a) { return ir_build(ir, IR_##n, t, r, 1, IRB_1, 0, 0, 0); }
#define IRB_d_d_n(n)    IRB_r_r_n(n)
#define IRB_r_x_n(n)    IRB_r_r_n(n)
#define IRB_x_d_n(n)    IRB_r_r_n(n)
#define IRB_d_x_n(n)    IRB_r_r_n(n)
#define IRB_d_r_n(n)    IRB_r_r_n(n)
#define IRB_d_r_kk(n)   IRB_HEAD(n), IrTemp *r, IrTemp *a, uint64_t k, uint64_t m) { return ir_build(ir, IR_##n, t, r, 1, IRB_1, k, m, 0); }
#define IRB_r_d_kk(n)   IRB_d_r_kk(n)
#define IRB_r_rr_n(n)   IRB_HEAD(n), IrTemp *r, IrTemp *a, IrTemp *b) { return ir_build(ir, IR_##n, t, r, 2, IRB_2, 0, 0, 0); }
#define IRB_d_rr_n(n)   IRB_r_rr_n(n)
#define IRB_r_rr_c(n)   IRB_HEAD(n), IrTemp *r, IrTemp *a, IrTemp *b, IrCond cond) { return ir_build(ir, IR_##n, t, r, 2, IRB_2, cond, 0, 0); }
#define IRB_r_rrr_n(n)  IRB_HEAD(n), IrTemp *r, IrTemp *a, IrTemp *b, IrTemp *c) { return ir_build(ir, IR_##n, t, r, 3, IRB_3, 0, 0, 0); }
#define IRB_r_rrrr_c(n) IRB_HEAD(n), IrTemp *r, IrTemp *a, IrTemp *b, IrTemp *c, IrTemp *d, IrCond cond) { return ir_build(ir, IR_##n, t, r, 4, IRB_4, cond, 0, 0); }
#define IRB_r_d_ko(n)   IRB_HEAD(n), IrTemp *r, IrTemp *a, uint64_t k, IrMemOp o) { return ir_build(ir, IR_##n, t, r, 1, IRB_1, k, o, 0); }
#define IRB_r_dr_ko(n)  IRB_HEAD(n), IrTemp *r, IrTemp *a, IrTemp *b, uint64_t k, IrMemOp o) { return ir_build(ir, IR_##n, t, r, 2, IRB_2, k, o, 0); }
#define IRB_r_drr_o(n)  IRB_HEAD(n), IrTemp *r, IrTemp *a, IrTemp *b, IrTemp *c, IrMemOp o) { return ir_build(ir, IR_##n, t, r, 3, IRB_3, o, 0, 0); }
#define IRB_v_v_k(n)    /* ir_gen_call() below */

#define IR_OP(name, sig, flags) IRB_##sig(name)
#include "ir/ops.def"
#undef IR_OP

/* Call helper number h. out may be NULL; nargs <= 4. */
static inline IrOp *ir_gen_call(IrContext *ir, unsigned h, IrTemp *out, unsigned nargs, IrTemp *a,
                                IrTemp *b, IrTemp *c, IrTemp *d)
{
    return ir_build(ir, IR_call, IR_I64, out, nargs, a, b, c, d, h, 0, 0);
}

#endif
