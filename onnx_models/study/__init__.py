"""Does pruning make an accelerator fail more often? A study from training to failures per 10^9 h, by one command."""
