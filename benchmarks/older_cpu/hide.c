/* Preloaded: answers the trap that stands where a library had cpuid, without what came after AVX2. */

#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

struct leaf {
  uint32_t eax, ebx, ecx, edx;
};

#define BIT(n) (UINT32_C(1) << (n))

/* AVX-512, VNNI, IFMA, FP16, BF16 and AMX in leaf 7; AVX10 has its own. */
static const uint32_t hidden_7_0_ebx =
    BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31);
static const uint32_t hidden_7_0_ecx = BIT(1) | BIT(6) | BIT(11) | BIT(12) | BIT(14);
static const uint32_t hidden_7_0_edx = BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25);
static const uint32_t hidden_7_1_eax = BIT(4) | BIT(5) | BIT(21) | BIT(23);
static const uint32_t hidden_7_1_edx = BIT(4) | BIT(5) | BIT(8) | BIT(10) | BIT(19);

/* Not static: tests call it. */
void hide(uint32_t number, uint32_t part, struct leaf *found) {
  if (number == 7 && part == 0) {
    found->ebx &= ~hidden_7_0_ebx;
    found->ecx &= ~hidden_7_0_ecx;
    found->edx &= ~hidden_7_0_edx;
  }
  if (number == 7 && part == 1) {
    found->eax &= ~hidden_7_1_eax;
    found->edx &= ~hidden_7_1_edx;
  }
  if (number == 0x24)
    memset(found, 0, sizeof *found);
}

static struct leaf cpuid(uint32_t number, uint32_t part) {
  struct leaf found;
  __asm__ volatile("cpuid"
                   : "=a"(found.eax), "=b"(found.ebx), "=c"(found.ecx), "=d"(found.edx)
                   : "a"(number), "c"(part));
  hide(number, part, &found);
  return found;
}

static void on_illegal_instruction(int signal_number, siginfo_t *info, void *context) {
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  const uint8_t *instruction = (const uint8_t *)registers[REG_RIP];
  (void)info;
  if (instruction[0] != 0x37 || instruction[1] != 0xa2) {
    signal(signal_number, SIG_DFL); /* not ours: it is raised again on return */
    return;
  }
  struct leaf found = cpuid((uint32_t)registers[REG_RAX], (uint32_t)registers[REG_RCX]);
  registers[REG_RAX] = found.eax;
  registers[REG_RBX] = found.ebx;
  registers[REG_RCX] = found.ecx;
  registers[REG_RDX] = found.edx;
  registers[REG_RIP] += 2;
}

__attribute__((constructor)) static void install(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGILL, &action, NULL);
}
