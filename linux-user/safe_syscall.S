/*
 * linux-user/safe_syscall.S: the instructions that signals and process creation need exactly so.
 *
 * safe_syscall_asm(pending, nr, a0..a5) enters the kernel unless *pending is set. A signal that comes
 * after the test and before the `syscall` instruction, or that makes the kernel restart the call (it
 * then returns to that instruction), meets the window [safe_syscall_start, safe_syscall_end): the
 * handler moves the pc to safe_syscall_interrupted, and the call ends with -ERESTARTSYS.
 */
    .text
    .globl safe_syscall_asm, safe_syscall_start, safe_syscall_end, safe_syscall_interrupted
    .globl host_sigreturn, host_clone
    .hidden safe_syscall_asm, safe_syscall_start, safe_syscall_end, safe_syscall_interrupted
    .hidden host_sigreturn, host_clone

/* long safe_syscall_asm(volatile int *pending, long nr, a0, a1, a2, a3, a4, a5) */
    .type safe_syscall_asm, @function
    .p2align 4
safe_syscall_asm:
    .cfi_startproc
    movq    %rdi, %r11
    movq    %rsi, %rax
    movq    %rdx, %rdi
    movq    %rcx, %rsi
    movq    %r8, %rdx
    movq    %r9, %r10
    movq    8(%rsp), %r8
    movq    16(%rsp), %r9
safe_syscall_start:
    cmpl    $0, (%r11)
    jne     safe_syscall_interrupted
    syscall
safe_syscall_end:
    ret
safe_syscall_interrupted:
    movq    $-512, %rax
    ret
    .cfi_endproc
    .size safe_syscall_asm, .-safe_syscall_asm

/*
 * long host_clone(const uint64_t regs[6], int (*fn)(void *), void *arg): the system call regs[0] with
 * arguments regs[1..5], which gives the child a stack of its own. The child runs fn(arg) there and
 * exits with its result.
 */
    .type host_clone, @function
    .p2align 4
host_clone:
    .cfi_startproc
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    movq    %rsi, %r12
    movq    %rdx, %r13
    movq    %rdi, %r11
    movq    0(%r11), %rax
    movq    8(%r11), %rdi
    movq    16(%r11), %rsi
    movq    24(%r11), %rdx
    movq    32(%r11), %r10
    movq    40(%r11), %r8
    syscall
    testq   %rax, %rax
    jz      1f
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    ret
    .cfi_endproc
    .size host_clone, .-host_clone

    .type host_clone_child, @function
host_clone_child:
1:  .cfi_startproc
    .cfi_undefined %rip
    xorl    %ebp, %ebp
    andq    $-16, %rsp
    movq    %r13, %rdi
    call    *%r12
    movl    %eax, %edi
    movl    $60, %eax           /* exit */
    syscall
    hlt
    .cfi_endproc
    .size host_clone_child, .-host_clone_child

/* SA_RESTORER of our handlers. Debuggers know the frame by these very bytes. */
    .type host_sigreturn, @function
    .p2align 4
    nop
host_sigreturn:
    movq    $15, %rax           /* rt_sigreturn */
    syscall
    .size host_sigreturn, .-host_sigreturn

    .section .note.GNU-stack, "", @progbits
