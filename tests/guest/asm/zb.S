#include "check.h"
begin
    rr sh1add, 5, 100, 110
    rr sh2add, 5, 100, 120
    rr sh3add, -1, 100, 92
    rr add.uw, -1, 1, 0x100000000
    rr sh3add.uw, 0xffffffff00000001, 1, 9
    ri slli.uw, 0xffffffff00000001, 33, 0x200000000
    rr andn, 0xff, 0x0f, 0xf0
    rr orn, 0xf0, -1, 0xf0
    rr xnor, 0xff, 0x0f, -0xf1
    r1 clz, 1, 63
    r1 clz, 0, 64
    r1 clzw, 0xffffffff00000001, 31
    r1 clzw, 0, 32
    r1 ctz, 0, 64
    r1 ctz, 0x8000000000000000, 63
    r1 ctzw, 0xffffffff00000000, 32
    r1 cpop, -1, 64
    r1 cpopw, 0xffffffff00000003, 2
    rr max, -1, 1, 1
    rr maxu, -1, 1, -1
    rr min, -1, 1, -1
    rr minu, -1, 1, 1
    r1 sext.b, 0x180, -0x80
    r1 sext.h, 0x18000, -0x8000
    r1 zext.h, -1, 0xffff
    rr rol, 0x8000000000000001, 65, 3
    rr rolw, 0x80000001, 33, 3
    rr ror, 3, 1, 0x8000000000000001
    rr rorw, 3, 1, -0x7fffffff
    ri rori, 3, 63, 6
    ri roriw, 3, 31, 6
    r1 orc.b, 0x0100200000000080, 0xff00ff00000000ff
    r1 rev8, 0x0102030405060708, 0x0807060504030201
    rr bclr, -1, 63, 0x7fffffffffffffff
    rr bext, 0x8000000000000000, 63, 1
    rr binv, 1, 64, 0
    rr bset, 0, 63, 0x8000000000000000
    ri bclri, 3, 1, 1
    ri bexti, 4, 2, 1
    ri binvi, 0, 63, 0x8000000000000000
    ri bseti, 0, 0, 1
    done
