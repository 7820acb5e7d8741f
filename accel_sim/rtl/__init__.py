"""The SystemVerilog accelerator: its package, and the runner that plays the host for a simulated one."""
