#include "check.h"
/* flags: NX 1, UF 2, OF 4, DZ 8, NV 16. Singles as sign-extended bit patterns. */
begin
    fp2 w, fadd.s, 0x3f800000, 0x40000000, 0x40400000, 0
    fp2 w, fadd.s, 0x3f800000, 0x33000000, 0x3f800000, 1
    fp2 w, fadd.s, 0x7f800000, 0xff800000, 0x7fc00000, 16
    fp2 w, fadd.s, 0x7fc12345, 0x3f800000, 0x7fc00000, 0
    fp2 w, fadd.s, 0x7f812345, 0x3f800000, 0x7fc00000, 16
    fp2 w, fmul.s, 0x7f7fffff, 0x40000000, 0x7f800000, 5
    fp2 w, fmul.s, 0x00800000, 0x3f000001, 0x00400000, 3
    fp2 w, fdiv.s, 0x3f800000, 0x00000000, 0x7f800000, 8
    fp2 w, fdiv.s, 0x00000000, 0x00000000, 0x7fc00000, 16
    fp2 w, fsub.s, 0x3f800000, 0x3f800000, 0, 0
    fp1 w, fsqrt.s, 0x40800000, 0x40000000, 0
    fp1 w, fsqrt.s, 0xffffffffbf800000, 0x7fc00000, 16
    fp2 w, fmin.s, 0x00000000, 0x80000000, -0x80000000, 0
    fp2 w, fmax.s, 0x80000000, 0x00000000, 0, 0
    fp2 w, fmin.s, 0x7fc00000, 0x3f800000, 0x3f800000, 0
    fp2 w, fmax.s, 0x7f800001, 0x3f800000, 0x3f800000, 16
    fp2 w, fmax.s, 0x7fc00001, 0x7fc00002, 0x7fc00000, 0
    fp2 w, fsgnj.s, 0x3f800000, 0x80000000, -0x40800000, 0
    fp2 w, fsgnjn.s, 0x3f800000, 0x80000000, 0x3f800000, 0
    fp2 w, fsgnjx.s, 0xbf800000, 0x80000000, 0x3f800000, 0
    fcmp2 w, feq.s, 0x00000000, 0x80000000, 1, 0
    fcmp2 w, feq.s, 0x7fc00000, 0x3f800000, 0, 0
    fcmp2 w, feq.s, 0x7f800001, 0x3f800000, 0, 16
    fcmp2 w, flt.s, 0x3f800000, 0x40000000, 1, 0
    fcmp2 w, flt.s, 0x7fc00000, 0x40000000, 0, 16
    fcmp2 w, fle.s, 0x40000000, 0x40000000, 1, 0
    f2i w, fcvt.w.s, rtz, 0x3fc00000, 1, 1
    f2i w, fcvt.w.s, rne, 0x3fc00000, 2, 1
    f2i w, fcvt.w.s, rmm, 0x40200000, 3, 1
    f2i w, fcvt.w.s, rdn, 0xbfc00000, -2, 1
    f2i w, fcvt.w.s, rup, 0xbfc00000, -1, 1
    f2i w, fcvt.w.s, rtz, 0x7fc00000, 0x7fffffff, 16
    f2i w, fcvt.w.s, rtz, 0xff800000, -0x80000000, 16
    f2i w, fcvt.wu.s, rtz, 0xbf800000, 0, 16
    f2i w, fcvt.wu.s, rtz, 0xbf000000, 0, 1
    f2i w, fcvt.wu.s, rtz, 0x4f7fffff, -0x100, 0
    f2i w, fcvt.wu.s, rtz, 0x4f800000, -1, 16
    f2i w, fcvt.l.s, rtz, 0x5f000000, 0x7fffffffffffffff, 16
    f2i w, fcvt.lu.s, rtz, 0x5f000000, 0x8000000000000000, 0
    f2i w, fcvt.lu.s, rtz, 0x5f800000, -1, 16
    /* NaN boxing */
    li a0, 0x3ff0000000000000
    fmv.d.x fa0, a0
    fadd.s fa1, fa0, fa0
    fmv.x.d a1, fa1
    check a1, 0xffffffff7fc00000
    fmv.x.w a1, fa0
    check a1, 0
    fclass.s a1, fa0
    check a1, 512
    li a0, 0x3f800000
    fmv.w.x ft9, a0
    fmv.x.d a1, ft9
    check a1, 0xffffffff3f800000
    li a0, 3
    fcvt.s.w fa0, a0
    fcvt.s.lu ft0, a0
    feq.s a1, fa0, ft0
    check a1, 1
    li a0, -1
    fcvt.s.wu fa0, a0
    fmv.x.w a1, fa0
    check a1, 0x4f800000
    /* the dynamic rounding mode */
    li a0, 0x3f800000
    fmv.w.x fa0, a0
    li a0, 0x40400000
    fmv.w.x fa1, a0
    fsrmi 3
    fdiv.s fa2, fa0, fa1
    fmv.x.w a1, fa2
    check a1, 0x3eaaaaab
    fsrmi 2
    fdiv.s fa2, fa0, fa1
    fmv.x.w a1, fa2
    check a1, 0x3eaaaaaa
    fdiv.s fa2, fa0, fa1, rup
    fmv.x.w a1, fa2
    check a1, 0x3eaaaaab
    frrm a1
    check a1, 2
    fsrmi 4
    fdiv.s fa2, fa0, fa1
    fmv.x.w a1, fa2
    check a1, 0x3eaaaaab
    fsrmi 0
    /* fused */
    li a0, 0x3f800001
    fmv.w.x fa0, a0
    li a0, 0xbf800002
    fmv.w.x fa1, a0
    fmadd.s fa2, fa0, fa0, fa1
    fmv.x.w a1, fa2
    check a1, 0x28800000
    li a0, 0x7f800000
    fmv.w.x fa0, a0
    fmv.w.x fa1, zero
    li a0, 0x7fc00000
    fmv.w.x fa2, a0
    csrw fflags, zero
    fmadd.s fa3, fa0, fa1, fa2
    csrr a1, fflags
    check a1, 16
    /* fcsr */
    li a0, 0xff
    csrrw a1, fcsr, a0
    csrrw a1, fcsr, zero
    check a1, 0xff
    csrrsi a1, fflags, 5
    csrrci a1, fflags, 4
    check a1, 5
    csrr a1, fflags
    check a1, 1
    done
