/*
 * frontend/emulate.c: see emulate.h.
 *
 * A case for each row of insns.def extracts the operands of its format and then does what the
 * EMU_<id> of its insn says, or leaves if there is no EMU_<id>.
 */
#include "frontend/emulate.h"

#include "frontend/rows.h"

/*
 * What insns do: `#define EMU_<id> , statement` (the comma is for SEMANTICS). RS1 and RS2 are the
 * values of the operands, IMM the immediate; pc is this insn's, next the one behind it.
 */
#define RS1 env->gpr[d.rs1]
#define RS2 env->gpr[d.rs2]
#define IMM ((uint64_t)d.imm)
#define SET(v) (env->gpr[d.rd] = (v), env->gpr[0] = 0)
#define SET_W(v) SET((uint64_t)(int64_t)(int32_t)(v))
#define JUMP(to) do { aim = (to); SET(next); goto jump; } while (0)
#define BRANCH(cond) do { if (cond) { aim = pc + IMM; goto jump; } } while (0)
/* Accesses may fault: env is complete, env->pc included, before, and nothing is written after. */
#define BARRIER() __asm__ volatile("" ::: "memory")
#define MEM(type) ((volatile Unaligned_##type *)(base + RS1 + IMM))->v
#define LOAD(type) do { BARRIER(); uint64_t v_ = (uint64_t)MEM(type); BARRIER(); SET(v_); } while (0)
#define STORE(type, x) do { BARRIER(); MEM(type) = (type)(x); BARRIER(); } while (0)
#define S64(x) ((int64_t)(x))
#define S32(x) ((int32_t)(x))
#define U32(x) ((uint32_t)(x))

#define UNALIGNED(type) \
    typedef struct __attribute__((packed, may_alias)) Unaligned_##type { type v; } Unaligned_##type
UNALIGNED(int8_t);
UNALIGNED(int16_t);
UNALIGNED(int32_t);
UNALIGNED(uint8_t);
UNALIGNED(uint16_t);
UNALIGNED(uint32_t);
UNALIGNED(uint64_t);

/* I */
#define EMU_lui    , SET(IMM)
#define EMU_auipc  , SET(pc + IMM)
#define EMU_jal    , JUMP(pc + IMM)
#define EMU_jalr   , JUMP((RS1 + IMM) & ~(uint64_t)1)
#define EMU_beq    , BRANCH(RS1 == RS2)
#define EMU_bne    , BRANCH(RS1 != RS2)
#define EMU_blt    , BRANCH(S64(RS1) < S64(RS2))
#define EMU_bge    , BRANCH(S64(RS1) >= S64(RS2))
#define EMU_bltu   , BRANCH(RS1 < RS2)
#define EMU_bgeu   , BRANCH(RS1 >= RS2)
#define EMU_lb     , LOAD(int8_t)
#define EMU_lh     , LOAD(int16_t)
#define EMU_lw     , LOAD(int32_t)
#define EMU_ld     , LOAD(uint64_t)
#define EMU_lbu    , LOAD(uint8_t)
#define EMU_lhu    , LOAD(uint16_t)
#define EMU_lwu    , LOAD(uint32_t)
#define EMU_sb     , STORE(uint8_t, RS2)
#define EMU_sh     , STORE(uint16_t, RS2)
#define EMU_sw     , STORE(uint32_t, RS2)
#define EMU_sd     , STORE(uint64_t, RS2)
#define EMU_addi   , SET(RS1 + IMM)
#define EMU_slti   , SET(S64(RS1) < d.imm)
#define EMU_sltiu  , SET(RS1 < IMM)
#define EMU_xori   , SET(RS1 ^ IMM)
#define EMU_ori    , SET(RS1 | IMM)
#define EMU_andi   , SET(RS1 & IMM)
#define EMU_slli   , SET(RS1 << IMM)
#define EMU_srli   , SET(RS1 >> IMM)
#define EMU_srai   , SET((uint64_t)(S64(RS1) >> IMM))
#define EMU_add    , SET(RS1 + RS2)
#define EMU_sub    , SET(RS1 - RS2)
#define EMU_sll    , SET(RS1 << (RS2 & 63))
#define EMU_slt    , SET(S64(RS1) < S64(RS2))
#define EMU_sltu   , SET(RS1 < RS2)
#define EMU_xor    , SET(RS1 ^ RS2)
#define EMU_srl    , SET(RS1 >> (RS2 & 63))
#define EMU_sra    , SET((uint64_t)(S64(RS1) >> (RS2 & 63)))
#define EMU_or     , SET(RS1 | RS2)
#define EMU_and    , SET(RS1 & RS2)
#define EMU_addiw  , SET_W(RS1 + IMM)
#define EMU_slliw  , SET_W(U32(RS1) << IMM)
#define EMU_srliw  , SET_W(U32(RS1) >> IMM)
#define EMU_sraiw  , SET_W(S32(RS1) >> IMM)
#define EMU_addw   , SET_W(RS1 + RS2)
#define EMU_subw   , SET_W(RS1 - RS2)
#define EMU_sllw   , SET_W(U32(RS1) << (RS2 & 31))
#define EMU_srlw   , SET_W(U32(RS1) >> (RS2 & 31))
#define EMU_sraw   , SET_W(S32(RS1) >> (RS2 & 31))
#define EMU_fence  , __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define EMU_ecall  , return RV_EMU_ECALL

/* M */
#define EMU_mul    , SET(RS1 * RS2)
#define EMU_mulh   , SET((uint64_t)((__int128)S64(RS1) * S64(RS2) >> 64))
#define EMU_mulhu  , SET((uint64_t)((unsigned __int128)RS1 * RS2 >> 64))
#define EMU_divu   , SET(RS2 ? RS1 / RS2 : UINT64_MAX)
#define EMU_remu   , SET(RS2 ? RS1 % RS2 : RS1)
#define EMU_div    , SET(RS2 + 1 > 1 ? (uint64_t)(S64(RS1) / S64(RS2)) : RS2 ? -RS1 : UINT64_MAX)
#define EMU_rem    , SET(RS2 + 1 > 1 ? (uint64_t)(S64(RS1) % S64(RS2)) : RS2 ? 0 : RS1)
#define EMU_mulw   , SET_W(RS1 * RS2)
#define EMU_divuw  , SET_W(U32(RS2) ? U32(RS1) / U32(RS2) : UINT32_MAX)
#define EMU_remuw  , SET_W(U32(RS2) ? U32(RS1) % U32(RS2) : U32(RS1))

/* F, D: what moves bits only */
#define EMU_fld    , do { BARRIER(); uint64_t v_ = MEM(uint64_t); BARRIER(); env->fpr[d.rd] = v_; } while (0)
#define EMU_flw    , do { BARRIER(); uint32_t v_ = MEM(uint32_t); BARRIER(); \
                          env->fpr[d.rd] = v_ | UINT64_C(0xffffffff00000000); } while (0)
#define EMU_fsd    , STORE(uint64_t, env->fpr[d.rs2])
#define EMU_fsw    , STORE(uint32_t, env->fpr[d.rs2])

/* Zba, Zbb */
#define EMU_sh1add , SET((RS1 << 1) + RS2)
#define EMU_sh2add , SET((RS1 << 2) + RS2)
#define EMU_sh3add , SET((RS1 << 3) + RS2)
#define EMU_add_uw , SET(U32(RS1) + RS2)
#define EMU_andn   , SET(RS1 & ~RS2)
#define EMU_orn    , SET(RS1 | ~RS2)
#define EMU_xnor   , SET(~(RS1 ^ RS2))
#define EMU_min    , SET(S64(RS1) < S64(RS2) ? RS1 : RS2)
#define EMU_minu   , SET(RS1 < RS2 ? RS1 : RS2)
#define EMU_max    , SET(S64(RS1) > S64(RS2) ? RS1 : RS2)
#define EMU_maxu   , SET(RS1 > RS2 ? RS1 : RS2)
#define EMU_sext_b , SET((uint64_t)(int64_t)(int8_t)RS1)
#define EMU_sext_h , SET((uint64_t)(int64_t)(int16_t)RS1)
#define EMU_zext_h , SET((uint16_t)RS1)

/* The statement of EMU_<id>; where that is no macro: leave. */
#define SECOND(a, b, ...) b
#define SEMANTICS(...) SECOND(__VA_ARGS__, return RV_EMU_OTHER, )

/* Accesses are the guest's: whatever it reads or writes, at null too, is its own affair. */
__attribute__((no_sanitize("address", "undefined")))
RvEmulated rv_emulate(CPURISCVState *env, uintptr_t base, RvExtSet exts, vaddr lo, vaddr hi)
{
    vaddr pc = env->pc, next, aim;
    DecodedInsn d;
    for (;; env->pc = pc = next) {
        uint32_t w;
        if (pc - lo + 4 <= hi - lo) {
            w = ((volatile Unaligned_uint32_t *)(base + pc))->v;
        } else if (pc - lo + 2 <= hi - lo) {
            w = ((volatile Unaligned_uint16_t *)(base + pc))->v;
            if ((w & 3) == 3) {
                return RV_EMU_END;
            }
        } else {
            return RV_EMU_END;
        }
        bool wide = (w & 3) == 3;
        w = wide ? w : (uint16_t)w;
        next = pc + (wide ? 4 : 2);
        const Filed *f = rv_find_row(w, exts);
        switch (f ? f->row : ROW_COUNT) {
#define ROW(id, fmt, alias)              \
        case ROW_##id:                   \
            if (!extract_##fmt(w, &d)) { \
                return RV_EMU_OTHER;     \
            }                            \
            SEMANTICS(EMU_##alias);      \
            break;
#define INSN(id, name, fmt, pattern, ext) ROW(id, fmt, id)
#define RVC(id, name, fmt, pattern, ext, alias) ROW(id, fmt, alias)
#include "frontend/insns.def"
#undef INSN
#undef RVC
        default:
            return RV_EMU_OTHER;
        }
        continue;
jump:
        env->pc = aim;
        return RV_EMU_JUMP;
    }
}
