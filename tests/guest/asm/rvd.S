#include "check.h"
begin
    fp2 d, fadd.d, 0x3ff0000000000000, 0x4000000000000000, 0x4008000000000000, 0
    fp2 d, fadd.d, 0x3ff0000000000000, 0x3ca0000000000000, 0x3ff0000000000000, 1
    fp2 d, fsub.d, 0x7ff0000000000000, 0x7ff0000000000000, 0x7ff8000000000000, 16
    fp2 d, fmul.d, 0x7fefffffffffffff, 0x4000000000000000, 0x7ff0000000000000, 5
    fp2 d, fmul.d, 0x0010000000000000, 0x3fe0000000000001, 0x0008000000000000, 3
    fp2 d, fmul.d, 0xfff8000000000001, 0x3fe0000000000001, 0x7ff8000000000000, 0
    fp2 d, fdiv.d, 0xbff0000000000000, 0, 0xfff0000000000000, 8
    fp1 d, fsqrt.d, 0x4010000000000000, 0x4000000000000000, 0
    fp1 d, fsqrt.d, 0x8000000000000000, 0x8000000000000000, 0
    fp2 d, fmin.d, 0, 0x8000000000000000, 0x8000000000000000, 0
    fp2 d, fmax.d, 0x7ff0000000000001, 0x7ff8000000000000, 0x7ff8000000000000, 16
    fp2 d, fmin.d, 0xbff0000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0
    fp2 d, fsgnjx.d, 0xbff0000000000000, 0x8000000000000000, 0x3ff0000000000000, 0
    fcmp2 d, fle.d, 0x7ff8000000000000, 0x3ff0000000000000, 0, 16
    fcmp2 d, flt.d, 0xbff0000000000000, 0x3ff0000000000000, 1, 0
    fcmp2 d, feq.d, 0x3ff0000000000000, 0x3ff0000000000000, 1, 0
    f2i d, fcvt.w.d, rtz, 0x41dfffffffc00000, 0x7fffffff, 0
    f2i d, fcvt.w.d, rtz, 0x41e0000000000000, 0x7fffffff, 16
    f2i d, fcvt.w.d, rtz, 0xc1e00000001fffff, -0x80000000, 1
    f2i d, fcvt.w.d, rtz, 0xc1e0000000200000, -0x80000000, 16
    f2i d, fcvt.wu.d, rtz, 0x41efffffffe00000, -1, 0
    f2i d, fcvt.wu.d, rtz, 0x41f0000000080000, -1, 16
    f2i d, fcvt.wu.d, rne, 0xbfe8000000000000, 0, 16
    f2i d, fcvt.l.d, rtz, 0xc3e0000000000000, 0x8000000000000000, 0
    f2i d, fcvt.l.d, rtz, 0x7ff8000000000000, 0x7fffffffffffffff, 16
    f2i d, fcvt.lu.d, rtz, 0x43efffffffffffff, 0xfffffffffffff800, 0
    f2i d, fcvt.lu.d, rup, 0x3fb999999999999a, 1, 1
    f2i d, fcvt.lu.d, rtz, 0xc000000000000000, 0, 16
    li a0, -1
    fcvt.d.lu fa0, a0
    fmv.x.d a1, fa0
    check a1, 0x43f0000000000000
    fcvt.d.wu fs9, a0
    fmv.x.d a1, fs9
    check a1, 0x41efffffffe00000
    li a0, 0x7ff0000000000001
    fmv.d.x fa0, a0
    csrw fflags, zero
    fcvt.s.d fa1, fa0
    csrr a1, fflags
    check a1, 16
    fmv.x.d a1, fa1
    check a1, 0xffffffff7fc00000
    li a0, 0x7fc00001
    fmv.w.x fa0, a0
    fcvt.d.s fa1, fa0
    fmv.x.d a1, fa1
    check a1, 0x7ff8000000000000
    fclass.d a1, fa1
    check a1, 512
    li a0, 0x8000000000000001
    fmv.d.x fa1, a0
    fclass.d a1, fa1
    check a1, 4
    /* a payload survives loads, stores and moves */
    la s0, data
    fld fa0, 0(s0)
    fsd fa0, 8(s0)
    fmv.d fs11, fa0
    fmv.x.d a1, fs11
    check a1, 0xfff4000000000123
    ld a1, 8(s0)
    check a1, 0xfff4000000000123
    flw fa0, 0(s0)
    fmv.x.d a1, fa0
    check a1, 0xffffffff00000123
    fsw fa0, 4(s0)
    ld a1, 0(s0)
    check a1, 0x0000012300000123
    /* fused, all four */
    li a0, 3
    fcvt.d.w fa0, a0
    li a0, 5
    fcvt.d.w fa1, a0
    li a0, 7
    fcvt.d.w ft10, a0
    fmadd.d fa3, fa0, fa1, ft10
    fcvt.l.d a1, fa3
    check a1, 22
    fmsub.d fa3, fa0, fa1, ft10
    fcvt.l.d a1, fa3
    check a1, 8
    fnmsub.d fa3, fa0, fa1, ft10
    fcvt.l.d a1, fa3
    check a1, -8
    fnmadd.d ft10, fa0, fa1, ft10
    fcvt.l.d a1, ft10
    check a1, -22
    done
    .data
    .balign 16
data:
    .dword 0xfff4000000000123, 0
