#include "check.h"
.macro amo op, old, val, want
    la s0, cell
    li a0, \old
    sd a0, 0(s0)
    li a1, \val
    \op a2, a1, (s0)
    check a2, \old
    ld a3, 0(s0)
    check a3, \want
    li s5, \val
    li a0, \old
    sd a0, 0(s0)
    \op s5, s5, (s0)
    check s5, \old
.endm
begin
    amo amoadd.d, 5, -7, -2
    amo amoswap.d, 5, -7, -7
    amo amoxor.d, 5, 6, 3
    amo amoand.d, 5, 6, 4
    amo amoor.d.aqrl, 5, 6, 7
    amo amomin.d, 5, -6, -6
    amo amomax.d, 5, -6, 5
    amo amominu.d, 5, -6, 5
    amo amomaxu.d, 5, -6, -6
    /* words: only four bytes change, the result is sign-extended */
    la s0, cell
    li a0, 0x1111111180000000
    sd a0, 0(s0)
    li a1, 1
    amoadd.w a2, a1, (s0)
    check a2, -0x80000000
    ld a3, 0(s0)
    check a3, 0x1111111180000001
    amominu.w a2, a1, (s0)
    check a2, -0x7fffffff
    ld a3, 0(s0)
    check a3, 0x1111111100000001
    amomin.w a2, zero, (s0)
    li a1, -5
    amomax.w a2, a1, (s0)
    check a2, 0
    amoswap.w zero, a1, (s0)
    lw a3, 0(s0)
    check a3, -5
    /* lr/sc */
    lr.d a0, (s0)
    li a1, 77
    sc.d a2, a1, (s0)
    check a2, 0
    ld a3, 0(s0)
    check a3, 77
    sc.d a2, zero, (s0)         /* no reservation any more */
    check a2, 1
    ld a3, 0(s0)
    check a3, 77
    lr.w a0, (s0)
    check a0, 77
    li a1, -1
    sc.w.rl s5, a1, (s0)
    check s5, 0
    ld a3, 0(s0)
    check a3, 0xffffffff
    lr.w a0, (s0)
    addi s1, s0, 8
    sc.w a2, zero, (s1)         /* another address */
    check a2, 1
    li a4, 0
    li a5, 1000
1:  lr.d a0, (s0)
    addi a0, a0, 3
    sc.d a1, a0, (s0)
    bnez a1, 1b
    addi a4, a4, 1
    bne a4, a5, 1b
    ld a3, 0(s0)
    check a3, 0x100000bb7
    done
    .data
    .balign 16
cell:
    .dword 0, 0
