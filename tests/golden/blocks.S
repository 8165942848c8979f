/*
 * tests/golden/blocks.S: blocks as compilers make them; see run.sh. Each is a function, called once with
 * a0 and a1 pointing to memory and small numbers in a2, a3.
 */
.macro block name
    .balign 64
    .globl b_\name
b_\name:
.endm

    .option norelax
    .text
    .globl _start
_start:
    .irp name, copy, sum, sieve, frame, calls, table, select, zext, words, strlen, list, list_walk, bits, counts, divide, mulh, atomic, lrsc, dot, axpy, convert, compare, minmax
    la a0, memory
    addi a1, a0, 1024
    li a2, 3
    li a3, 7
    call b_\name
    .endr
    li a0, 0
    li a7, 93
    ecall

block copy                      /* for (i) b[i] = a[i] */
1:  ld a5, 0(a0)
    ld a4, 8(a0)
    sd a5, 0(a1)
    sd a4, 8(a1)
    addi a0, a0, 16
    addi a1, a1, 16
    addi a2, a2, -1
    bnez a2, 1b
    ret

block sum                       /* int sum of a[i] */
    li a5, 0
    li a4, 0
1:  sh2add a3, a4, a0
    lw a3, 0(a3)
    addw a5, a5, a3
    addiw a4, a4, 1
    blt a4, a2, 1b
    mv a0, a5
    ret

block sieve
    mul a5, a2, a2
    li a4, 1
1:  add a6, a0, a5
    sb a4, 0(a6)
    add a5, a5, a2
    slti a6, a5, 64
    bnez a6, 1b
    ret

block frame                     /* saves, changes and restores */
    addi sp, sp, -48
    sd ra, 40(sp)
    sd s0, 32(sp)
    sd s1, 24(sp)
    sd s2, 16(sp)
    mv s0, a0
    mv s1, a1
    add s2, a2, a3
    sd s2, 8(sp)
    ld a0, 8(sp)
    ld ra, 40(sp)
    ld s0, 32(sp)
    ld s1, 24(sp)
    ld s2, 16(sp)
    addi sp, sp, 48
    ret

block calls
    addi sp, sp, -16
    sd ra, 8(sp)
    call 1f
    jal 1f
    la a5, 1f
    jalr a5
    ld ra, 8(sp)
    addi sp, sp, 16
    ret
1:  addi a0, a0, 8
    ret

block table                     /* switch by a table of offsets */
    andi a2, a2, 3
    la a5, 2f
    sh2add a4, a2, a5
    lw a4, 0(a4)
    add a4, a4, a5
    jr a4
1:  li a0, 1
    ret
2:  .word 1b - 2b, 1b - 2b, 1b - 2b, 1b - 2b

block select                    /* branches on comparisons */
    slt a5, a2, a3
    beqz a5, 1f
    sltu a5, a3, a2
    bnez a5, 1f
    sub a0, a2, a3
    seqz a0, a0
    xori a0, a0, 1
1:  ret

block zext                      /* zero extensions without Zba, and a field */
    slli a5, a2, 32
    srli a5, a5, 32
    slli a4, a3, 32
    srli a4, a4, 30
    slli a6, a3, 48
    srli a6, a6, 48
    slli a7, a2, 52
    srai a7, a7, 58
    add a0, a5, a4
    add a0, a0, a6
    add a0, a0, a7
    ret

block words                     /* chains of 32-bit arithmetic */
    addw a4, a2, a3
    slliw a4, a4, 3
    subw a4, a4, a2
    xor a4, a4, a3
    srliw a5, a4, 5
    mulw a4, a4, a5
    sraiw a4, a4, 2
    sext.w a4, a4
    negw a0, a4
    ret

block strlen
    mv a5, a1
1:  lbu a4, 0(a5)
    addi a5, a5, 1
    bnez a4, 1b
    sub a0, a5, a1
    ret

block list                      /* take an element out of a list */
    ld a5, 0(a0)
    beqz a5, 1f
    ld a4, 0(a5)
    sd a4, 0(a0)
    sd zero, 0(a5)
1:  ret

block list_walk
1:  ld a0, 0(a0)
    bnez a0, 1b
    ret

block bits
    andi a4, a2, 0x7f
    ori a4, a4, 0x100
    not a5, a3
    and a4, a4, a5
    srli a5, a4, 4
    or a4, a4, a5
    bset a4, a4, a2
    bext a5, a4, a3
    andn a4, a4, a3
    rol a0, a4, a5
    ret

block counts
    clz a4, a2
    ctz a5, a3
    cpop a6, a2
    rev8 a7, a3
    min a4, a4, a5
    maxu a6, a6, a7
    sext.b a6, a6
    zext.h a0, a4
    ret

block divide
    div a4, a2, a3
    remw a5, a3, a2
    li a6, 10
    divu a7, a2, a6
    remuw a0, a3, a6
    ret

block mulh
    mulhu a4, a2, a3
    mul a5, a2, a3
    mulh a6, a2, a3
    mulhsu a0, a2, a3
    ret

block atomic
    amoadd.w.aqrl a4, a2, (a0)
    amoswap.d a5, a3, (a1)
    amoor.d zero, a3, (a0)
    amomax.w a0, a2, (a0)
    fence rw, rw
    ret

block lrsc                      /* compare and exchange */
1:  lr.w.aq a4, (a0)
    bne a4, a2, 2f
    sc.w.rl a5, a3, (a0)
    bnez a5, 1b
2:  mv a0, a4
    ret

block dot
    fmv.d.x fa5, zero
1:  fld fa4, 0(a0)
    fld fa3, 0(a1)
    fmadd.d fa5, fa4, fa3, fa5
    addi a0, a0, 8
    addi a1, a1, 8
    addi a2, a2, -1
    bnez a2, 1b
    fmv.d fa0, fa5
    ret

block axpy
1:  flw fa5, 0(a0)
    flw fa4, 0(a1)
    fmul.s fa5, fa5, fa0
    fadd.s fa5, fa5, fa4
    fsw fa5, 0(a1)
    addi a0, a0, 4
    addi a1, a1, 4
    addi a2, a2, -1
    bnez a2, 1b
    ret

block convert
    fcvt.d.l fa5, a2
    fcvt.s.d fa4, fa5
    fcvt.d.s fa3, fa4
    fcvt.w.d a4, fa3, rtz
    fcvt.lu.d a5, fa5, rtz
    fcvt.s.wu fa2, a3
    fdiv.d fa1, fa5, fa3
    fsqrt.d fa0, fa1
    fclass.d a0, fa0
    ret

block compare
    flt.d a4, fa0, fa1
    bnez a4, 1f
    fle.d a5, fa1, fa0
    beqz a5, 1f
    feq.s a0, fa2, fa3
1:  ret

block minmax
    fmin.d fa0, fa0, fa1
    fmax.s fa2, fa2, fa3
    fabs.d fa4, fa0
    fneg.d fa5, fa4
    fsgnj.s fa6, fa2, fa3
    fmv.x.d a0, fa5
    ret

    .balign 64
    .globl b_end
b_end:
    .data
    .balign 64
memory:
    .fill 256, 8, 0
    .asciz "eight characters"
    .balign 64
    .fill 256, 8, 0
