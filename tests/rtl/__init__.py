"""The SystemVerilog accelerator against the machine."""
