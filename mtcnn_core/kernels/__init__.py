"""The networks as machine code for the processor at hand, written with LLVM."""
