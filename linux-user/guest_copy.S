/*
 * linux-user/guest_copy.S: copies that survive a fault.
 *
 * Between guest_guard_start and guest_guard_end a SIGSEGV or SIGBUS makes the function that was called
 * return -1: guest_copy_fixup() sends the host pc to guest_guard_fail. So these are leaf functions that
 * leave the stack pointer alone.
 */
    .text
    .globl guest_guard_start, guest_guard_end, guest_guard_fail
    .globl guest_copy_guarded, guest_strnlen_guarded
    .hidden guest_guard_start, guest_guard_end, guest_guard_fail
    .hidden guest_copy_guarded, guest_strnlen_guarded

guest_guard_start:

/* long guest_copy_guarded(void *dst, const void *src, size_t n): 0 or -1 */
    .type guest_copy_guarded, @function
guest_copy_guarded:
    .cfi_startproc
    xorl    %eax, %eax
    cmpq    $256, %rdx
    jae     3f
    movl    %edx, %ecx
    shrl    $3, %ecx
    jz      2f
1:  movq    (%rsi), %r8
    movq    %r8, (%rdi)
    addq    $8, %rsi
    addq    $8, %rdi
    decl    %ecx
    jnz     1b
2:  andl    $7, %edx
    jz      4f
5:  movb    (%rsi), %cl
    movb    %cl, (%rdi)
    incq    %rsi
    incq    %rdi
    decl    %edx
    jnz     5b
4:  ret
3:  movq    %rdx, %rcx
    rep movsb
    ret
    .cfi_endproc
    .size guest_copy_guarded, .-guest_copy_guarded

/* long guest_strnlen_guarded(const char *s, size_t max): length or -1 */
    .type guest_strnlen_guarded, @function
guest_strnlen_guarded:
    .cfi_startproc
    xorl    %eax, %eax
1:  cmpq    %rsi, %rax
    jae     2f
    cmpb    $0, (%rdi,%rax)
    je      2f
    incq    %rax
    jmp     1b
2:  ret
    .cfi_endproc
    .size guest_strnlen_guarded, .-guest_strnlen_guarded

guest_guard_end:

guest_guard_fail:
    .cfi_startproc
    movq    $-1, %rax
    ret
    .cfi_endproc

    .section .note.GNU-stack, "", @progbits
