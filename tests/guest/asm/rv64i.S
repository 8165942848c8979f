#include "check.h"
begin
    rr add, 5, -7, -2
    rr add, 0x7fffffffffffffff, 1, 0x8000000000000000
    rr sub, 5, 7, -2
    rr addw, 0x7fffffff, 1, -0x80000000
    rr addw, 0xffffffff00000001, 1, 2
    rr subw, -0x80000000, 1, 0x7fffffff
    rr xor, 0xff00, 0x0ff0, 0xf0f0
    rr or, 0xff00, 0x0ff0, 0xfff0
    rr and, 0xff00, 0x0ff0, 0x0f00
    rr sll, 1, 63, 0x8000000000000000
    rr sll, 1, 64, 1
    rr srl, -1, 60, 15
    rr sra, -16, 66, -4
    rr sllw, 1, 31, -0x80000000
    rr sllw, 1, 32, 1
    rr srlw, 0xffffffff80000000, 4, 0x08000000
    rr sraw, 0x80000000, 4, -0x08000000
    rr slt, -1, 0, 1
    rr slt, 0, -1, 0
    rr sltu, -1, 0, 0
    rr sltu, 0, -1, 1
    ri addi, 10, -2048, -2038
    ri addiw, 0x7fffffff, 1, -0x80000000
    ri xori, 0x55, -1, -0x56
    ri ori, 0x50, 0x0f, 0x5f
    ri andi, -1, 0x7f, 0x7f
    ri slti, -5, -4, 1
    ri sltiu, 1, -1, 1
    ri slli, 3, 62, 0xc000000000000000
    ri srli, -1, 63, 1
    ri srai, -8, 2, -2
    ri slliw, 0x40000001, 1, -0x7ffffffe
    ri srliw, -1, 28, 15
    ri sraiw, 0x80000000, 31, -1
    /* memory */
    la s0, data
    ld a0, 0(s0)
    check a0, 0xfedcba9876543210
    lw a0, 4(s0)
    check a0, -0x1234568
    lwu a0, 4(s0)
    check a0, 0xfedcba98
    lh a0, 6(s0)
    check a0, -0x124
    lhu a0, 6(s0)
    check a0, 0xfedc
    lb a0, 7(s0)
    check a0, -2
    lbu s5, 7(s0)
    check s5, 0xfe
    ld a0, 1(s0)
    check a0, 0x88fedcba98765432
    li a0, -1
    sb a0, 8(s0)
    sh a0, 10(s0)
    sw a0, 12(s0)
    ld a1, 8(s0)
    check a1, 0xffffffffffff77ff
    sd zero, 8(s0)
    ld a1, 8(s0)
    check a1, 0
    /* control */
    auipc a0, 0
    jal a1, 1f
    j 2f
1:  sub a1, a1, a0
    check a1, 8
2:  la a0, 3f
    addi a0, a0, 1
    jalr a0, a0, 0
    li s11, 100
    check zero, 1
3:  la a1, 3b
    sub a0, a1, a0
    li a2, 64
    bltu a0, a2, 4f
    check zero, 1
4:  li a0, -1
    li a1, 1
    blt a1, a0, fail
    bge a0, a1, fail
    bltu a0, a1, fail
    bgeu a1, a0, fail
    beq a0, a1, fail
    bne a0, a0, fail
    check zero, 0
    /* a loop over two blocks */
    li a0, 0
    li a1, 1000
5:  add a0, a0, a1
    addi a1, a1, -1
    bnez a1, 5b
    check a0, 500500
    done
fail:
    check zero, 1
    .data
    .balign 16
data:
    .dword 0xfedcba9876543210, 0x1122334455667788
