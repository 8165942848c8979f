/*
 * exec/section_access.S: accesses to guest memory that are made only if the thread was not preempted.
 *
 * section.c copies what lies between section_code and section_code_end, once for each signature, which
 * goes to the first word. Each op is a function
 *
 *   SectionAccess op(uint64_t *cs, uint64_t held, const SectionDescriptor *mine, void *p,
 *                    uint64_t value, uint64_t expected)     rdi, rsi, rdx, rcx, r8, r9 -> rax, rdx
 *
 * that is itself a section of the host: if *cs is still what was put there, `held`, it becomes the
 * op's own descriptor. From there to the access, which is the last insn of the section, the kernel
 * sends a thread that is preempted to section_lost; a thread that was preempted before finds another
 * *cs. rax: was it made?
 */
    .section .rodata
    .balign 16
    .globl section_code, section_code_end, section_ops
    .hidden section_code, section_code_end, section_ops
section_code:
    .long   0
section_lost:
    xorl    %eax, %eax
    ret

    .macro  BEGIN name
    .balign 16
\name:
    movq    %rsi, %rax
    cmpxchgq %rdx, (%rdi)
\name\()_start:
    jne     section_lost
    .endm

    .macro  OP name, access:vararg
    BEGIN \name
    \access
\name\()_end:
    movl    $1, %eax
    ret
    .endm

    OP load8, movzbl (%rcx), %edx
    OP load16, movzwl (%rcx), %edx
    OP load32, movl (%rcx), %edx
    OP load64, movq (%rcx), %rdx
    OP store8, movb %r8b, (%rcx)
    OP store16, movw %r8w, (%rcx)
    OP store32, movl %r8d, (%rcx)
    OP store64, movq %r8, (%rcx)

    .macro  CAS name, access:vararg
    BEGIN \name
    movq    %r9, %rax
    \access
\name\()_end:
    movq    %rax, %rdx
    movl    $1, %eax
    ret
    .endm

    CAS cas32, lock cmpxchgl %r8d, (%rcx)
    CAS cas64, lock cmpxchgq %r8, (%rcx)
section_code_end:

    /* SectionOp[]: where it begins, and its section */
    .macro  ROW name
    .long   \name - section_code, \name\()_start - section_code, \name\()_end - section_code
    .endm
    .balign 16
section_ops:
    ROW load8
    ROW load16
    ROW load32
    ROW load64
    ROW store8
    ROW store16
    ROW store32
    ROW store64
    ROW cas32
    ROW cas64

    .section .note.GNU-stack, "", @progbits
