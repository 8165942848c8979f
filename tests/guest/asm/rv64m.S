#include "check.h"
begin
    rr mul, 0x100000001, 0x100000001, 0x200000001
    rr mulh, -1, -1, 0
    rr mulh, 0x8000000000000000, 2, -1
    rr mulhu, -1, -1, -2
    rr mulhsu, -1, -1, -1
    rr mulhsu, 3, -1, 2
    rr mulw, 0x10001, 0x10001, 0x20001
    rr mulw, 0x7fffffff, 2, -2
    rr div, -7, 2, -3
    rr div, 7, 0, -1
    rr div, 0x8000000000000000, -1, 0x8000000000000000
    rr divu, -1, 16, 0x0fffffffffffffff
    rr divu, 5, 0, -1
    rr rem, -7, 2, -1
    rr rem, -7, 0, -7
    rr rem, 0x8000000000000000, -1, 0
    rr remu, -1, 16, 15
    rr remu, 9, 0, 9
    rr divw, -7, 2, -3
    rr divw, 0x80000000, -1, -0x80000000
    rr divw, 1, 0, -1
    rr divuw, 0xffffffff80000000, 2, 0x40000000
    rr divuw, 1, 0, -1
    rr remw, -7, 2, -1
    rr remw, 0x80000000, -1, 0
    rr remw, 0x80000000, 0, -0x80000000
    rr remuw, 0xffffffff80000001, 0, -0x7fffffff
    rr remuw, 0xffffffff, 16, 15
    done
