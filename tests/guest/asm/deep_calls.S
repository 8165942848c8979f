#include "check.h"
/* Recursion deeper than any return predictor, and returns that match no call. */
begin
    li s3, 0
    li a0, 100000
    call down
    check a0, 0
    check s3, 100000
    la ra, 1f
    ret
    check zero, 1
1:  li s4, 0
    jal s5, 2f                  /* a call that no ret answers */
2:  addi s4, s4, 1
    li a1, 20000
    call 3f
3:  blt s4, a1, 2b
    check s4, 20000
    done
down:
    addi sp, sp, -16
    sd ra, 0(sp)
    beqz a0, 1f
    addi a0, a0, -1
    addi s3, s3, 1
    call down
1:  ld ra, 0(sp)
    addi sp, sp, 16
    ret
