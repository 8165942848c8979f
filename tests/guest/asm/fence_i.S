#include "check.h"
/* Code that writes code: after fence.i, and after riscv_flush_icache, the new bytes run. */
begin
    li a0, 0                    /* mmap(0, 4096, RWX, PRIVATE|ANON, -1, 0) */
    li a1, 4096
    li a2, 7
    li a3, 0x22
    li a4, -1
    li a5, 0
    li a7, 222
    ecall
    mv s0, a0
    li s1, 0
    li s2, 0
1:  slli a1, s1, 20             /* addi a0, zero, s1 */
    li a2, 0x513
    or a1, a1, a2
    sw a1, 0(s0)
    li a1, 0x8067               /* ret */
    sw a1, 4(s0)
    andi a1, s1, 1
    beqz a1, 2f
    fence.i
    j 3f
2:  mv a0, s0
    addi a1, s0, 8
    li a2, 0
    li a7, 259
    ecall
3:  jalr s0
    bne a0, s1, fail
    add s2, s2, a0
    addi s1, s1, 1
    li a1, 1000
    bne s1, a1, 1b
    check s2, 499500
    done
fail:
    check zero, 1
