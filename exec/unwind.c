/*
 * exec/unwind.c: from a host address in generated code to the exact guest state.
 *
 * The unwind map of a TB is the backend's BackendInsn rows: pairs of LEB128 numbers, the host
 * offset (unsigned, difference to the row before) and the guest pc (signed difference to the row
 * before, starting at the TB's pc). Pinned registers come from the signal context; all others are
 * in env already (codegen.h).
 */
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include "exec/code_buffer.h"
#include "exec/leb.h"
#include "exec/tb_cache.h"

/* Small differences of either sign become small unsigned numbers. */
static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

size_t tb_map_encode(const BackendInsn *insns, unsigned n, uint64_t pc, uint8_t *out)
{
    uint8_t *p = out;
    uint32_t host = 0;
    for (unsigned i = 0; i < n; i++) {
        p = leb_put_unsigned(p, insns[i].host - host);
        p = leb_put_unsigned(p, zigzag((int64_t)(insns[i].pc - pc)));
        host = insns[i].host;
        pc = insns[i].pc;
    }
    return (size_t)(p - out);
}

size_t tb_relocs_encode(const uint32_t *fields, unsigned n, uint8_t *out)
{
    uint8_t *p = out;
    uint32_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        p = leb_put_unsigned(p, fields[i] - at);
        at = fields[i];
    }
    return (size_t)(p - out);
}

uint64_t tb_guest_pc(const TranslationBlock *tb, const void *host)
{
    uint64_t offset = (uint64_t)((const uint8_t *)host - tb_code(tb));
    const uint8_t *p = tb_map(tb), *end = p + tb->map_size;
    uint64_t pc = tb->pc, at = 0, found = tb->pc;
    while (p < end) {
        uint64_t dhost, dpc;
        p = leb_get_unsigned(p, &dhost);
        p = leb_get_unsigned(p, &dpc);
        at += dhost;
        pc += (uint64_t)unzigzag(dpc);
        if (at > offset) {
            break;
        }
        found = pc;
    }
    return found;
}

void cpu_raise_exception(CPURISCVState *env, CPUException excp)
{
    CPUState *cpu = env_cpu(env);
    const uint8_t *call = (const uint8_t *)cpu->helper_ra - 1;
    TranslationBlock *tb = tb_find_by_host(call);
    if (tb) {
        env->pc = tb_guest_pc(tb, call);
    }
    cpu->exception = excp;
    cpu_loop_exit(cpu);
}

/* x86 reports no address for a non-canonical one (general protection): the guest insn tells. */
static uint64_t fault_address(const CPUState *cpu)
{
    uint32_t word = 0;
    CPUFault f;
    DecodedInsn d;
    if (guest_fetch(cpu->env.pc, &word, sizeof(word), &f) < 2 ||
        !rv_decode(word, exec_options.exts, &d)) {
        return 0;
    }
    switch (d.id) {
    case RV_lr_w: case RV_lr_d: case RV_sc_w: case RV_sc_d:
        return cpu->env.gpr[d.rs1];
    default:
        /* amo insns have imm 0 */
        return cpu->env.gpr[d.rs1] + (uint64_t)d.imm;
    }
}

bool cpu_handle_host_fault(CPUState *cpu, int sig, int code, uint64_t addr, void *ucontext)
{
    ucontext_t *uc = ucontext;
    const uint8_t *host = (const uint8_t *)uc->uc_mcontext.gregs[REG_RIP];
    if (cpu->interp_state) {
        cpu->env.pc = cpu->interp_state->pc;
    } else if (!cpu->emulating) {
        if (!code_buffer_contains(host)) {
            return false;
        }
        if (addr - (uint64_t)cpu->ras < RAS_GUARD) {
            /* The return-prediction stack ran over: forget it (codegen.h). */
            uc->uc_mcontext.gregs[REG_RSP] = (greg_t)cpu_ras_bottom(cpu);
            return true;
        }
        TranslationBlock *tb = tb_find_by_host(host);
        if (!tb) {
            return false;
        }
        backend_sync_from_ucontext(&backend_config, &cpu->env, uc,
                                   tb->region ? &tb_region(tb)->pins : NULL);
        cpu->ras_sp = (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
        cpu->env.pc = tb_guest_pc(tb, host);
    }
    cpu->fault.sig = sig;
    cpu->fault.code = code;
    cpu->fault.addr = addr - exec_options.guest_base;
    if (sig == SIGSEGV && code == SI_KERNEL) {
        cpu->fault.code = SEGV_MAPERR;
        cpu->fault.addr = fault_address(cpu);
    }
    cpu->exception = EXCP_FAULT;
    sigset_t mask;
    memcpy(&mask, &uc->uc_sigmask, sizeof(uint64_t));
    cpu_restore_host_mask(&mask);
    cpu_loop_exit(cpu);
}
