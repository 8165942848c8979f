/*
 * linux-user/guest_copy.S: copies that survive a fault.
 *
 * Between guest_guard_start and guest_guard_end a SIGSEGV or SIGBUS makes the function that was called
 * return -1: guest_copy_fixup() sends the host pc to guest_guard_fail. So these are leaf functions that
 * leave the stack pointer alone.
 */
    .text
    .globl guest_guard_start, guest_guard_end, guest_guard_fail
    .globl guest_copy_guarded, guest_strnlen_guarded, guest_find_guarded
    .hidden guest_guard_start, guest_guard_end, guest_guard_fail
    .hidden guest_copy_guarded, guest_strnlen_guarded, guest_find_guarded

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

/* long guest_find_guarded(const void *p, size_t n, uint32_t word): is it there, at an even address? n is a
 * multiple of 64 and not 0: 1, 0 or -1 */
    .type guest_find_guarded, @function
guest_find_guarded:
    .cfi_startproc
    leaq    -64(%rdi,%rsi), %rcx
    movd    %edx, %xmm0
    pshufd  $0, %xmm0, %xmm0
1:  movdqu  (%rdi), %xmm1           
    movdqu  16(%rdi), %xmm2
    movdqu  32(%rdi), %xmm3
    movdqu  48(%rdi), %xmm4
    movdqu  2(%rdi), %xmm5
    movdqu  18(%rdi), %xmm6
    movdqu  34(%rdi), %xmm7
    movdqu  46(%rdi), %xmm8         /* not beyond: 46, 50, 54, 58 */
    pcmpeqd %xmm0, %xmm1
    pcmpeqd %xmm0, %xmm2
    pcmpeqd %xmm0, %xmm3
    pcmpeqd %xmm0, %xmm4
    pcmpeqd %xmm0, %xmm5
    pcmpeqd %xmm0, %xmm6
    pcmpeqd %xmm0, %xmm7
    pcmpeqd %xmm0, %xmm8
    por     %xmm2, %xmm1
    por     %xmm4, %xmm3
    por     %xmm6, %xmm5
    por     %xmm8, %xmm7
    por     %xmm3, %xmm1
    por     %xmm7, %xmm5
    por     %xmm5, %xmm1
    pmovmskb %xmm1, %eax
    testl   %eax, %eax
    jnz     2f
    cmpq    %rcx, %rdi
    je      3f
    cmpl    %edx, 62(%rdi)          /* half of it behind these 64 */
    je      2f
    addq    $64, %rdi
    jmp     1b
2:  movl    $1, %eax
3:  ret
    .cfi_endproc
    .size guest_find_guarded, .-guest_find_guarded

guest_guard_end:

guest_guard_fail:
    .cfi_startproc
    movq    $-1, %rax
    ret
    .cfi_endproc

    .section .note.GNU-stack, "", @progbits
