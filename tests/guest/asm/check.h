/*
 * tests/guest/asm/check.h: freestanding checks of single instructions.
 *
 * A program counts its checks in s11; the first that fails ends it with its number as exit status.
 * Run alone: riscv64-linux-gnu-gcc -nostdlib -static -march=rv64gc_zba_zbb_zbs -o t X.S && rivet t; echo $?
 */
.macro begin
    .text
    .globl _start
_start:
    .option push
    .option norelax
    la gp, __global_pointer$
    .option pop
    li s11, 0
.endm

.macro done
    li a0, 0
    li a7, 93
    ecall
.endm

.macro check reg, want
    addi s11, s11, 1
    li t6, \want
    beq \reg, t6, 9f
    mv a0, s11
    li a7, 93
    ecall
9:
.endm

/* op rd, rs1, rs2 in several register assignments: distinct, rd = rs1, rd = rs2, x0 */
.macro rr op, a, b, want
    li a0, \a
    li a1, \b
    \op a2, a0, a1
    check a2, \want
    li s5, \a
    li s6, \b
    \op s7, s5, s6
    check s7, \want
    li a0, \a
    li s6, \b
    \op a0, a0, s6
    check a0, \want
    li s5, \a
    li a1, \b
    \op a1, s5, a1
    check a1, \want
    \op zero, s5, a1
    check zero, 0
.endm

.macro ri op, a, imm, want
    li a0, \a
    \op a2, a0, \imm
    check a2, \want
    li s5, \a
    \op s5, s5, \imm
    check s5, \want
.endm

.macro r1 op, a, want
    li a0, \a
    \op a2, a0
    check a2, \want
    li s5, \a
    \op s5, s5
    check s5, \want
.endm

/* fp: operands and result as bit patterns, and the flags that must be raised */
.macro fp2 fmt, op, a, b, want, flags
    li a0, \a
    li a1, \b
    fmv.\fmt\().x fa0, a0
    fmv.\fmt\().x ft8, a1
    csrw fflags, zero
    \op fa5, fa0, ft8
    csrr a3, fflags
    fmv.x.\fmt a2, fa5
    check a2, \want
    check a3, \flags
.endm
.macro fp1 fmt, op, a, want, flags
    li a0, \a
    fmv.\fmt\().x fa0, a0
    csrw fflags, zero
    \op fs10, fa0
    csrr a3, fflags
    fmv.x.\fmt a2, fs10
    check a2, \want
    check a3, \flags
.endm
.macro fcmp2 fmt, op, a, b, want, flags
    li a0, \a
    li a1, \b
    fmv.\fmt\().x fa0, a0
    fmv.\fmt\().x ft8, a1
    csrw fflags, zero
    \op a2, fa0, ft8
    csrr a3, fflags
    check a2, \want
    check a3, \flags
.endm
.macro f2i fmt, op, rm, a, want, flags
    li a0, \a
    fmv.\fmt\().x fa0, a0
    csrw fflags, zero
    \op a2, fa0, \rm
    csrr a3, fflags
    check a2, \want
    check a3, \flags
.endm
