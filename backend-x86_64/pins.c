/*
 * backend-x86_64/pins.c: which guest registers live in which host registers.
 *
 * The layout's choice is in force wherever control passes from one TB to another. A TB may have its
 * own (BackendPins): a set of exchanges. A guest register that is pinned here and there is in the
 * same host register here and there; one that gives up its register is in env meanwhile, as those
 * are that have none.
 */
#include <ucontext.h>

#include "backend-x86_64/internal.h"

/* env offset / 8 -> host register or NOREG */
static void pin_map(const BackendLayout *l, const BackendPins *pins, int8_t *pin_of)
{
    memset(pin_of, NOREG, BACKEND_ENV_WORDS);
    for (unsigned i = 0; i < l->npin_int; i++) {
        pin_of[l->pin_int[i] / 8] = x86_pin_int[i];
    }
    for (unsigned i = 0; i < l->npin_fp; i++) {
        pin_of[l->pin_fp[i] / 8] = x86_pin_fp[i];
    }
    for (unsigned i = 0; pins && i < pins->n; i++) {
        pin_of[pins->swap[i].own] = (int8_t)pins->swap[i].reg;
        pin_of[pins->swap[i].usual] = NOREG;
    }
}

void backend_set_pins(BackendContext *be, const BackendPins *pins)
{
    static const BackendPins none;
    be->pins = pins ? pins : &none;
    be->last_ir = NULL;                     /* its globals are to be told */
    pin_map(&be->cfg.layout, pins, be->pin_of);
}

static int32_t word_disp(const BackendContext *be, uint8_t word)
{
    return env_disp(be, 8 * (int64_t)word);
}

void emit_pins_enter(BackendContext *be)
{
    for (unsigned i = 0; i < be->pins->n; i++) {
        const BackendSwap *s = &be->pins->swap[i];
        emit_store(&be->e, word_disp(be, s->usual), s->reg);
        emit_load(&be->e, s->reg, word_disp(be, s->own));
    }
}

void emit_pins_leave(BackendContext *be)
{
    for (unsigned i = 0; i < be->pins->n; i++) {
        const BackendSwap *s = &be->pins->swap[i];
        if (s->written) {
            emit_store(&be->e, word_disp(be, s->own), s->reg);
        }
        emit_load(&be->e, s->reg, word_disp(be, s->usual));
    }
}

/* The guest register of the class that is used most and has no register yet. */
static int busiest(const BackendUses *uses, const int8_t *pin_of, bool fp)
{
    int best = -1;
    for (int i = 0; i < BACKEND_ENV_WORDS; i++) {
        if (uses->count[i] && uses->fp[i] == fp && pin_of[i] == NOREG &&
            (best < 0 || uses->count[i] > uses->count[best])) {
            best = i;
        }
    }
    return best;
}

/* The one that is used least and has a register. */
static int idlest(const BackendUses *uses, const int8_t *pin_of, bool fp)
{
    int best = -1;
    for (int i = 0; i < BACKEND_ENV_WORDS; i++) {
        if (pin_of[i] != NOREG && (pin_of[i] >= XMM0) == fp &&
            (best < 0 || uses->count[i] < uses->count[best])) {
            best = i;
        }
    }
    return best;
}

void backend_choose_pins(const BackendConfig *cfg, const BackendUses *uses, uint32_t cost,
                         BackendPins *pins)
{
    int8_t pin_of[BACKEND_ENV_WORDS];
    pin_map(&cfg->layout, NULL, pin_of);
    pins->n = 0;
    pins->counted = 0;
    for (int fp = 0; fp < 2; fp++) {
        for (;;) {
            int own = busiest(uses, pin_of, fp), usual = idlest(uses, pin_of, fp);
            if (own < 0 || usual < 0 || uses->count[own] <= (uint64_t)uses->count[usual] + cost) {
                break;
            }
            pins->swap[pins->n++] = (BackendSwap){ .reg = (uint8_t)pin_of[usual],
                                                   .own = (uint8_t)own, .usual = (uint8_t)usual,
                                                   .written = uses->written[own] };
            pin_of[own] = pin_of[usual];
            pin_of[usual] = NOREG;
        }
    }
}

static const uint8_t greg_of[16] = {
    [RAX] = REG_RAX, [RCX] = REG_RCX, [RDX] = REG_RDX, [RBX] = REG_RBX,
    [RSP] = REG_RSP, [RBP] = REG_RBP, [RSI] = REG_RSI, [RDI] = REG_RDI,
    [R8] = REG_R8,   [R9] = REG_R9,   [R10] = REG_R10, [R11] = REG_R11,
    [R12] = REG_R12, [R13] = REG_R13, [R14] = REG_R14, [R15] = REG_R15,
};

void backend_sync_from_ucontext(const BackendConfig *cfg, void *env, const void *ucontext,
                                const BackendPins *pins)
{
    const BackendLayout *l = &cfg->layout;
    const mcontext_t *mc = &((const ucontext_t *)ucontext)->uc_mcontext;
    int8_t pin_of[BACKEND_ENV_WORDS];
    char *base = env;
    pin_map(l, pins, pin_of);
    for (unsigned i = 0; i < BACKEND_ENV_WORDS; i++) {
        if (pin_of[i] >= XMM0) {
            memcpy(base + 8 * i, &mc->fpregs->_xmm[pin_of[i] - XMM0], 8);
        } else if (pin_of[i] != NOREG) {
            memcpy(base + 8 * i, &mc->gregs[greg_of[pin_of[i]]], 8);
        }
    }
    memcpy(base + l->fp_status, &mc->fpregs->mxcsr, 4);
}
