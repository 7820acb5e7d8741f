"""The command line as a user meets it: every command's normal path, and every way to use it wrongly."""
