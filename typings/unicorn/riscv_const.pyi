"""The part of unicorn 2.1 that the tests use."""

UC_CPU_RISCV64_SIFIVE_U54: int
UC_RISCV_REG_A0: int
UC_RISCV_REG_RA: int
UC_RISCV_REG_SP: int
UC_RISCV_REG_PC: int
