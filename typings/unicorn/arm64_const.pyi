"""The part of unicorn 2.1 that the tests use."""

UC_ARM64_REG_SP: int
UC_ARM64_REG_X0: int
UC_ARM64_REG_X30: int
UC_CPU_ARM64_A72: int
UC_CPU_ARM64_MAX: int
UC_ARM64_REG_PC: int
