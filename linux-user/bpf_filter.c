/*
 * linux-user/bpf_filter.c: check and interpret the classic BPF programs of seccomp.
 *
 * Jumps go forward only, and the last insn returns: a program ends. Data are read as aligned words
 * of struct seccomp_data. Cells of the scratch memory must be written before they are read,
 * whatever way led there.
 */
#include "linux-user/bpf_filter.h"

#include <string.h>

enum { DATA_SIZE = sizeof(struct seccomp_data) };

/* Only words of the data, no packet access, no remainder. */
static bool operation_known(const struct sock_filter *i)
{
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return i->k < DATA_SIZE && i->k % 4 == 0;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
        return true;
    case BPF_ALU | BPF_DIV | BPF_K:
        return i->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
        return i->k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return i->k < BPF_MEMWORDS;
    default:
        return false;
    }
}

static bool loads_cell(const struct sock_filter *i)
{
    return i->code == (BPF_LD | BPF_MEM) || i->code == (BPF_LDX | BPF_MEM);
}

bool bpf_filter_check(const struct sock_filter *insn, unsigned len)
{
    uint16_t at[BPF_MAXINSNS];      /* cells that are written on all ways that jump there */
    uint16_t written = 0;           /* and here */
    memset(at, 0xff, sizeof(at));
    for (unsigned pc = 0; pc < len; pc++) {
        const struct sock_filter *i = &insn[pc];
        unsigned rest = len - pc - 1;       /* insns that follow */
        if (!operation_known(i)) {
            return false;
        }
        written &= at[pc];
        if (loads_cell(i) && !(written >> i->k & 1)) {
            return false;
        }
        if (BPF_CLASS(i->code) == BPF_ST || BPF_CLASS(i->code) == BPF_STX) {
            written |= (uint16_t)(1 << i->k);
        } else if (BPF_CLASS(i->code) == BPF_JMP) {
            bool always = BPF_OP(i->code) == BPF_JA;
            uint32_t t = always ? i->k : i->jt, f = always ? i->k : i->jf;
            if (t >= rest || f >= rest) {
                return false;
            }
            at[pc + 1 + t] &= written;
            at[pc + 1 + f] &= written;
            written = 0xffff;
        }
    }
    return BPF_CLASS(insn[len - 1].code) == BPF_RET;
}

/* A jump on a negative constant loads it; one whose two ways both go further is two. JSET has no
 * opposite. A division by X that is 0 returns. */
static unsigned cost_of(const struct sock_filter *i)
{
    switch (BPF_CLASS(i->code)) {
    case BPF_RET:
        return i->code == (BPF_RET | BPF_K) ? 2 : 1;
    case BPF_ALU:
        return i->code == (BPF_ALU | BPF_DIV | BPF_X) ? 5 : 1;
    case BPF_JMP:
        if (BPF_OP(i->code) == BPF_JA) {
            return 1;
        }
        bool one = !i->jf || (!i->jt && BPF_OP(i->code) != BPF_JSET);
        return (BPF_SRC(i->code) == BPF_K && i->k >> 31) + (one ? 1 : 2);
    default:
        return 1;
    }
}

unsigned bpf_filter_cost(const struct sock_filter *insn, unsigned len)
{
    unsigned cost = 3;              /* A, X and the data's address are set */
    for (unsigned i = 0; i < len; i++) {
        cost += cost_of(&insn[i]);
    }
    return cost;
}

static uint32_t compute(unsigned op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_ADD: return a + b;
    case BPF_SUB: return a - b;
    case BPF_MUL: return a * b;
    case BPF_DIV: return a / b;
    case BPF_AND: return a & b;
    case BPF_OR: return a | b;
    case BPF_XOR: return a ^ b;
    case BPF_LSH: return a << (b & 31);
    case BPF_RSH: return a >> (b & 31);
    default: return -a;             /* BPF_NEG */
    }
}

static bool holds(unsigned op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_JEQ: return a == b;
    case BPF_JGT: return a > b;
    case BPF_JGE: return a >= b;
    default: return a & b;          /* BPF_JSET */
    }
}

uint32_t bpf_filter_run(const struct sock_filter *insn, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0, cell[BPF_MEMWORDS], value;
    for (const struct sock_filter *i = insn;; i++) {
        uint32_t operand = BPF_SRC(i->code) == BPF_X ? x : i->k;
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
        case BPF_LDX:
            switch (BPF_MODE(i->code)) {
            case BPF_ABS:
                memcpy(&value, (const char *)data + i->k, sizeof(value));
                break;
            case BPF_LEN:
                value = DATA_SIZE;
                break;
            case BPF_MEM:
                value = cell[i->k];
                break;
            default:                /* BPF_IMM */
                value = i->k;
            }
            *(BPF_CLASS(i->code) == BPF_LD ? &a : &x) = value;
            break;
        case BPF_ST:
            cell[i->k] = a;
            break;
        case BPF_STX:
            cell[i->k] = x;
            break;
        case BPF_ALU:
            if (BPF_OP(i->code) == BPF_DIV && !operand) {
                return 0;           /* the end, as the kernel's */
            }
            a = compute(BPF_OP(i->code), a, operand);
            break;
        case BPF_JMP:
            i += BPF_OP(i->code) == BPF_JA            ? i->k
                 : holds(BPF_OP(i->code), a, operand) ? i->jt
                                                      : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? a : i->k;
        default:                    /* BPF_MISC */
            if (BPF_MISCOP(i->code) == BPF_TAX) {
                x = a;
            } else {
                a = x;
            }
        }
    }
}
